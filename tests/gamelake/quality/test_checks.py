"""The checks over nights of a sandbox: silent on 30 quiet nights, and each planted fault is found at once."""

from __future__ import annotations

import shutil
from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gamelake.airflow.data_quality import check_data
from gamelake.days import format_day
from gamelake.lake.factory import open_store
from gamelake.marts import findings
from gamelake.marts.levels import current as current_levels
from gamelake.quality.check import check_lake
from gamelake.quality.profile import PROFILES, QUANTILES, Profile, profile_key
from gamelake.registry import load_sources
from tests.support.night_lake import NightLake, moment
from tests.support.published_marts import folder_of
from tests.support.quiet_nights import ENTITIES, MARTS, PARTIAL, RATING, QuietNights, Rows
from tests.support.receiver import running_webhook
from tests.support.tables import IGDB_GENRES, newest_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.marts.findings import Report

CLOCK = (6, 12, 18, 24)
"""The hours of the DAG `data_quality` from a publication to the next one."""
WARM_UP = 12
"""Nights before a fault: enough for every check to know what is usual."""


def checked(nights: QuietNights, *, minutes: float = 1) -> Report:
    """Check a lake some minutes after the newest publication."""
    return check_lake(nights.store, ENTITIES, now=nights.published_at + timedelta(minutes=minutes))[0]


def open_ids(report: Report) -> set[str]:
    return {each.id for each in report.findings if each.is_open}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> QuietNights:
    """A lake after some quiet nights, each checked."""
    nights = QuietNights(open_store((tmp_path_factory.mktemp("quiet") / "lake").as_uri()))
    for _ in range(WARM_UP):
        nights.publish()
        assert checked(nights).findings == ()
    return nights


@pytest.fixture
def nights(quiet: QuietNights, tmp_path: Path) -> QuietNights:
    """A copy of that lake, for one more night."""
    shutil.copytree(folder_of(quiet.store), tmp_path / "lake")
    return quiet.copied(open_store((tmp_path / "lake").as_uri()))


@pytest.mark.e2e
def test_thirty_quiet_nights_have_no_finding_and_no_message(
    disk: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the DAG's own function, after each publication and by its clock: nothing that can send has something to send.

    One table is loaded a part a night, and models take a third more or less.
    """
    sources = load_sources()
    with running_webhook() as webhook, monkeypatch.context() as environment:
        environment.setenv("GAMELAKE_URI", disk.uri)
        environment.setenv("GAMELAKE_NOTIFY", "hook")
        environment.setenv("AIRFLOW_CONN_HOOK", webhook.connection())
        environment.setenv("GAMELAKE_HEARTBEAT", "hook")
        environment.setenv("TMPDIR", str(tmp_path))
        environment.setattr("tempfile.tempdir", None)
        environment.setattr("gamelake.registry.loaded_sources", lambda: sources)
        nights = QuietNights(disk)
        for _ in range(30):
            nights.publish()
            midnight = nights.published_at.replace(hour=0, minute=0)
            for at in (
                nights.published_at + timedelta(minutes=1),
                *(midnight + timedelta(hours=each) for each in CLOCK),
            ):
                environment.setattr("gamelake.airflow.data_quality.datetime", _Clock(at))
                assert check_data((*ENTITIES, PARTIAL))["open"] == {}, at
        assert webhook.got == []
        assert len(webhook.beats) == 30 * (1 + len(CLOCK)), "a sign of life by each check"
    assert list(disk.list("incidents/")) == []
    levels = current_levels(disk)
    assert levels
    assert [(each.bad, each.nights >= 29) for each in levels.levels] == [(0, True)] * len(levels.levels)
    assert findings.numbers(disk) == list(range(1, 31)), "one report for each generation"
    assert len(list(disk.list(PROFILES))) == 30


class _Clock:
    """Takes the place of `datetime` in a module, at a moment."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self, _: object) -> datetime:
        return self._at


def _update(rows: Rows, share: float, **values: Any) -> None:
    for number, game in enumerate(rows.games):
        if number < share * len(rows.games):
            game.update(values)


def _scale(rows: Rows) -> None:
    rows.marts["dim_games"] = MARTS["dim_games"].replace(RATING, f"0.7 * {RATING}")


def _orphans(rows: Rows) -> None:
    rows.marts["bridge_game_genre"] = f"select * from ({MARTS['bridge_game_genre']}) union all select 999999, 1"


def _rename(rows: Rows) -> None:
    for game in rows.games:
        game["genre_names"] = [{"Shooter": "Shooters"}.get(each, each) for each in game["genre_names"]]


def _vanish(rows: Rows) -> None:
    types = MARTS["fct_popularity_types"]
    rows.marts["fct_popularity_types"] = types.replace("group by", "where popularity_type <> 34 group by")


class Fault(NamedTuple):
    """A fault in the rows of a night, and the findings that it makes."""

    plant: Callable[[Rows], None]
    ids: set[str]
    severity: str


FAULTS = {
    "a table loses a third": Fault(
        lambda rows: rows.tables["games"].update(rows=rows.tables["games"]["rows"] * 2 // 3),
        {"volume:igdb.games"},
        "P1",
    ),
    "a load is doubled": Fault(
        lambda rows: rows.tables["popscore"].update(rows=rows.tables["popscore"]["rows"] * 2),
        {"volume:igdb.popscore"},
        "P1",
    ),
    "a table is empty": Fault(lambda rows: rows.tables["companies"].update(rows=0), {"volume:igdb.companies"}, "P1"),
    "a mart loses half": Fault(
        lambda rows: rows.marts.update(mart_top_rated=MARTS["mart_top_rated"].replace("limit 40", "limit 5")),
        {"volume:mart_top_rated"},
        "P1",
    ),
    "a fifth has no release date": Fault(
        lambda rows: _update(rows, 0.2, first_release_date=None), {"nulls:dim_games.first_release_date"}, "P2"
    ),
    "names repeat": Fault(
        lambda rows: _update(rows, 0.3, name="Untitled"),
        {"duplicates:dim_games.game_name", "duplicates:mart_top_rated.game_name"},
        "P2",
    ),
    "a score is on another scale": Fault(_scale, {"drift:dim_games.rating"}, "P2"),
    "a bridge has a row without its game": Fault(_orphans, {"references:bridge_game_genre.game_id"}, "P1"),
    "a value has another name": Fault(
        _rename, {"new_values:dim_games.genre_names", "vanished_values:dim_games.genre_names"}, "P2"
    ),
    "a popularity type vanishes": Fault(_vanish, {"vanished_values:fct_popularity_types.popularity_type_name"}, "P2"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_in_its_first_night(nights: QuietNights, name: str) -> None:
    fault = FAULTS[name]
    nights.publish(fault.plant)
    report = checked(nights)
    assert open_ids(report) == fault.ids, [each.message for each in report.findings]
    assert {each.severity.value for each in report.findings} == {fault.severity}


def test_a_table_whose_newest_load_is_damaged_hides_no_finding_of_another(nights: QuietNights) -> None:
    nights.publish(lambda rows: rows.tables["companies"].update(rows=0))
    damaged = IGDB_GENRES.manifest_key(newest_commit(nights.store, "genres").version + 1)
    nights.store.put(damaged, b"{broken")
    report = checked(nights)
    assert open_ids(report) == {"damage:igdb.genres", "volume:igdb.companies"}
    assert any(damaged in each.message for each in report.findings)
    nights.store.delete(damaged)
    assert open_ids(checked(nights, minutes=2)) == {"volume:igdb.companies"}


def test_a_source_that_stands_still_is_found_in_its_second_night(nights: QuietNights) -> None:
    """The source serves the popularity of an earlier day again."""
    last: list[Rows] = []
    nights.publish(last.append)
    checked(nights)

    def still(rows: Rows) -> None:
        rows.popularity, rows.tables["popscore"] = deepcopy(last[0].popularity), last[0].tables["popscore"]

    deleted = {"references:fct_game_popularity.game_id"}  # the popularity of a game that was deleted meanwhile
    nights.publish(still)
    assert open_ids(checked(nights)) <= deleted
    nights.publish(still)
    expected = {
        "standstill:igdb.popscore",
        "standstill:fct_game_popularity.visit_count",
        "standstill:fct_game_popularity.playing_users",
    }
    assert open_ids(checked(nights)) - deleted == expected
    nights.publish()
    assert {each.state.value for each in checked(nights).findings} == {"recovered"}


def test_a_late_night_is_found_grows_worse_and_recovers(nights: QuietNights) -> None:
    """Nothing is loaded for two days. A load has 30 hours, and after 54 the second one is missing."""
    subjects = {*(str(entity) for entity in ENTITIES), "marts"}
    for hours, severity in ((29, None), (31, "P1"), (56, "P0")):
        report = checked(nights, minutes=hours * 60)
        found = {each.subject: each.severity.value for each in report.findings if each.check == "freshness"}
        assert found == (dict.fromkeys(subjects, severity) if severity else {})
    nights.publish()
    nights.publish()
    nights.publish()
    assert {each.state.value for each in checked(nights).findings} == {"recovered"}


def test_the_marts_are_read_again_after_a_load_only(nights: QuietNights) -> None:
    """One that no marts have counts once too: a source with a quota may load after the publication."""

    def is_read() -> bool:
        for info in list(nights.store.list(PROFILES)):
            nights.store.delete(info.key)
        checked(nights)
        return bool(list(nights.store.list(PROFILES)))

    assert not is_read()
    nights.loads.load(ENTITIES[0], format_day(nights.day), at=nights.published_at, rows=250)
    assert is_read()
    assert not is_read()


def test_a_table_without_a_load_is_late_once_the_first_loads_are_over(disk: Store) -> None:
    lake, began = NightLake(disk), moment("2026-11-21", "04:00")
    lake.load(ENTITIES[0], "2026-11-21", at=began)
    for hours, found in ((1, 0), (7, len([each for each in ENTITIES if each.gates_transform]) - 1)):
        report, _ = check_lake(disk, ENTITIES, now=began + timedelta(hours=hours))
        assert len([each for each in report.findings if each.check == "freshness"]) == found


def test_a_profile_has_the_figures_of_each_column(quiet: QuietNights) -> None:
    import msgspec

    from gamelake.marts.pointer import current

    generation = current(quiet.store)
    assert generation is not None
    profile = msgspec.json.decode(quiet.store.get(profile_key(generation)), type=Profile)
    games = next(each for each in profile.marts if each.name == "dim_games")
    columns = {each.name: each for each in games.columns}
    rows = list(quiet.world.rows("games"))
    ratings = sorted(row["aggregated_rating"] for row in rows if row.get("aggregated_rating") is not None)
    found = columns["aggregated_rating"]
    assert (games.rows, found.nulls, found.distinct) == (len(rows), len(rows) - len(ratings), len(set(ratings)))
    assert (found.min, found.max) == (ratings[0], ratings[-1])
    assert found.quantiles is not None
    for quantile, value in zip(QUANTILES, found.quantiles, strict=True):
        assert sum(rating < value for rating in ratings) / len(ratings) == pytest.approx(quantile, abs=0.1)
    assert columns["game_id"].distinct == len(rows)
    assert columns["genre_names"].values is not None
    assert columns["genre_names"].distinct is None
    assert columns["game_name"].values is None, "a profile has no text that is not declared as a lookup"
    assert {each.table: each.rows for each in profile.tables}["igdb.games"] == len(rows)

"""Service levels from a history of nights that a lake has recorded: manifests and publications, nothing else."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.lake.disk import DiskStore
from gamelake.marts import levels as documents
from gamelake.marts.documents import Action
from gamelake.marts.findings import Severity
from gamelake.marts.levels import LevelStatus
from gamelake.nights.records import MOST_PUBLICATIONS
from gamelake.quality.objectives import ObjectiveError, load_objectives
from gamelake.quality.service_levels import JudgedNight, burn_rate, level_of, observations, refresh, still
from gamelake.registry import loaded_entities
from gamelake.words import Words
from tests.support.night_lake import RUN, NightLake, days, moment

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.marts.levels import ServiceLevel, ServiceLevels

pytestmark = pytest.mark.slo

DAYS = days("2026-11-01", 12)
BAD = Words("bad", "나쁨")
LATE, MISSED, HELD, MISCOUNTED, ROLLED_BACK = DAYS[1], DAYS[2], DAYS[4], DAYS[6], DAYS[9]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> DiskStore:
    """The first day, and eleven nights: one late, one lost, one without a table, one miscounted, one rolled back."""
    store = DiskStore(tmp_path_factory.mktemp("lake"))
    lake, earlier = NightLake(store), None
    for day in DAYS:
        if day == MISSED:
            continue
        changes = {"source_count": 1010} if day == MISCOUNTED else {}
        lake.loads(day, without=["games"] if day == HELD else [], **changes)
        if day == HELD:
            continue
        made = lake.build(day, at=moment(day, "04:16"))
        lake.publish(made, at=moment(day, "06:30" if day == LATE else "04:17"))
        if day == ROLLED_BACK:
            assert earlier is not None
            lake.publish(earlier, at=moment(day, "10:00"), action=Action.ROLLBACK)
        if day == DAYS[6]:
            earlier = made
    return store


def seen(store: DiskStore, clock: str = "13:00", day: str = DAYS[-1]) -> ServiceLevels:
    return refresh(store, loaded_entities(), now=moment(day, clock))


def by_name(levels: ServiceLevels) -> dict[str, ServiceLevel]:
    return {each.name: each for each in levels.levels}


def bad_days(store: DiskStore, level: str) -> dict[str, str]:
    query = f"select day::varchar, reason from '{store.url(documents.COPY)}' where level = '{level}' and not is_good"
    return dict(duckdb.sql(query).fetchall())


def test_each_bad_night_counts_against_what_it_broke(recorded: DiskStore) -> None:
    found = by_name(seen(recorded))

    assert bad_days(recorded, "published") == {
        LATE: f"Published at {LATE} 06:30 Korean time.",
        MISSED: "Nothing was published.",
        HELD: "Nothing was published.",
    }
    assert bad_days(recorded, "complete").keys() == {MISSED, HELD}
    assert bad_days(recorded, "complete")[HELD] == "No load of games."
    assert bad_days(recorded, "proven").keys() == {MISSED, HELD, MISCOUNTED}
    assert bad_days(recorded, "fresh") == {ROLLED_BACK: f"Readers had the marts of {DAYS[6]}."}
    assert {name: (each.nights, each.bad) for name, each in found.items()} == {
        "published": (11, 3), "complete": (11, 2), "proven": (11, 3), "fresh": (11, 1),
    }  # fmt: skip
    assert found["published"].budget_left == pytest.approx(-2)
    assert found["complete"].status is LevelStatus.MISSED
    assert found["fresh"].status is LevelStatus.SPENT


def test_what_was_computed_can_be_read(recorded: DiskStore) -> None:
    found = seen(recorded)

    assert documents.current(recorded) == found
    rows = duckdb.sql(f"select count(*), count(distinct (level, day)) from '{recorded.url(documents.COPY)}'").fetchone()
    assert rows == (44, 44)


def test_a_night_is_judged_when_its_time_is_over_and_nights_that_left_nothing_count(recorded: DiskStore) -> None:
    next_day = days(DAYS[-1], 4)

    assert by_name(seen(recorded, "05:59", next_day[1]))["published"].nights == 11
    assert by_name(seen(recorded, "06:01", next_day[1]))["published"].bad == 4
    later = by_name(seen(recorded, "13:00", next_day[3]))
    assert (later["published"].nights, later["published"].bad) == (14, 6)
    assert later["fresh"].last_bad == date.fromisoformat(next_day[3])


def test_levels_are_computed_again_when_a_night_is_judged(recorded: DiskStore) -> None:
    found = seen(recorded)
    tomorrow = days(DAYS[-1], 2)[1]

    later = still(recorded, now=moment(tomorrow, "05:59"))

    assert later is not None
    assert (later.levels, later.checked_at) == (found.levels, moment(tomorrow, "05:59"))
    assert documents.current(recorded) == later
    assert still(recorded, now=moment(tomorrow, "06:00")) is None
    recorded.put(documents.CURRENT, b"{")
    assert still(recorded, now=moment(tomorrow, "05:59")) is None


def test_findings_state_what_a_person_has_to_do(recorded: DiskStore) -> None:
    found = {each.subject: each for each in observations(seen(recorded))}
    next_night = {each.subject: each for each in observations(seen(recorded, "13:00", days(DAYS[-1], 2)[1]))}

    assert {each.severity for each in (*found.values(), *next_night.values())} == {Severity.P2}, "its fault was told"
    assert "error-budget-is-spent.md" in found["fresh"].message
    assert f"마지막은 {HELD}입니다: 적재되지 않은 테이블: games." in found["complete"].message_ko
    assert not re.search("[A-Z][a-z]+ [a-z]+", " ".join(each.message_ko for each in next_night.values())), "no English"


def test_a_lake_without_a_load_has_no_nights(tmp_path: Path) -> None:
    levels = by_name(seen(DiskStore(tmp_path)))

    assert {(each.status, each.nights, each.attained) for each in levels.values()} == {(LevelStatus.MET, 0, None)}
    assert list(observations(seen(DiskStore(tmp_path)))) == []


def test_days_that_a_person_runs_miss_no_deadline_and_nights_count_from_the_first_schedule(tmp_path: Path) -> None:
    lake = NightLake(DiskStore(tmp_path))
    by_hand, scheduled, late = days(DAYS[0], 3), DAYS[3], DAYS[4]
    for day in by_hand:
        lake.loads(day, run_id=RUN)
        lake.publish(lake.build(day, at=moment(day, "14:00")), at=moment(day, "14:01"))
    found = seen(DiskStore(tmp_path), "15:00", by_hand[-1])
    assert {(each.status, each.nights) for each in found.levels} == {(LevelStatus.MET, 0)}

    lake.night(scheduled)
    lake.loads(late, run_id=RUN)  # by hand, because its schedule failed
    lake.publish(lake.build(late, at=moment(late, "09:00")), at=moment(late, "09:01"))
    level = by_name(seen(DiskStore(tmp_path), "15:00", late))["published"]
    assert (level.nights, level.bad, level.status) == (1, 1, LevelStatus.SPENT)


def test_nights_whose_publications_are_not_all_read_are_not_judged(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    lake = NightLake(store)
    nights = days("2026-11-01", 10)
    made = [lake.night(day) for day in nights]
    lake.publish(made[2], at=moment(nights[-1], "05:00"), action=Action.ROLLBACK)
    for _ in range(MOST_PUBLICATIONS - 1):  # the rollback is the oldest that is read
        lake.publish(made[-1], at=moment(nights[-1], "05:10"), action=Action.ROLLFORWARD)

    assert {each.nights for each in seen(store, "13:00", nights[-1]).levels} == {0}


@pytest.mark.parametrize(
    ("bad", "status", "left"),
    [((), "met", 1), ((3,), "met", 0.5), ((95,), "burning", 0.5), ((3, 95), "spent", 0), ((1, 2, 3), "missed", -0.5)],
)
def test_the_budget_and_its_burn_rates_decide(bad: tuple[int, ...], status: str, left: float) -> None:
    first = date(2026, 1, 1)
    nights = [JudgedNight(first + timedelta(days=n), BAD if n in bad else None) for n in range(100)]
    level = level_of("proven", load_objectives()["proven"], nights)

    assert level.status.value == status
    assert level.budget_left == pytest.approx(left)
    assert burn_rate(load_objectives()["proven"], nights, 100) == pytest.approx(len(bad) / 2)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("target: 0.99", "target: 1.5"), "published.*target"),
        (("target: 0.99", "target: 0.999"), "published.target"),
        (('by: "06:00"', 'by: "6 am"'), "by"),
        (("owner:", "owners:"), "owners"),
        (("title", "\ttitle"), "slo.yaml"),
    ],
)
def test_a_wrong_objective_is_refused_by_its_name(tmp_path: Path, changed: tuple[str, str], named: str) -> None:
    from gamelake.quality.objectives import SLO_PATH

    path = tmp_path / "slo.yaml"
    path.write_text(SLO_PATH.read_text(encoding="utf-8").replace(*changed, 1), encoding="utf-8")

    with pytest.raises(ObjectiveError, match=named.replace("published.*target", "target")):
        load_objectives(path)

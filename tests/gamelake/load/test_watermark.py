"""A source that dates its replies wrong for a night: the nights after it miss nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Manifest, Mode
from gamelake.load.errors import UnreadablePartitionError
from gamelake.load.schedule import Period, watermark_in
from gamelake.load.watermark import watermark_after, watermark_of
from gamelake.sources.base import OVERLAP_SECONDS
from sandbox.igdb import Fault
from tests.support.errors import having
from tests.support.loads import LONG_AGO, ids_of
from tests.support.nightly_loads import QUIET, NightlyLoads, ScriptedLoads, ScriptedSandbox, row

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.load.report import LoadReport

HOUR, DAY = 3600, 86_400
DAYS_AHEAD = pytest.mark.parametrize("days", [0.5, 2, 400])


def now(scripted: ScriptedLoads) -> int:
    return int(scripted.sandbox.world.clock().timestamp())


def change(scripted: ScriptedLoads, number: int, *, after: int) -> None:
    """Update a row, some time after the clock's."""
    scripted.sandbox.upsert("games", [row(scripted.ids()[number], hypes=after, updated_at=now(scripted) + after)])


def wrong_night(scripted: ScriptedLoads, days: float, **options: Any) -> LoadReport:
    """A night whose replies are dated so many days ahead."""
    scripted.sandbox.faults.add(Fault("wrong_date", times=None, seconds=days * DAY))
    report = scripted.night(**options)
    scripted.sandbox.faults.clear()
    return report


def again(scripted: ScriptedLoads, **options: Any) -> LoadReport:
    """Another load of the same day."""
    return scripted.load(day=scripted.sandbox.today, run_id="again", **options)


@pytest.mark.parametrize("days", [2, 400])
def test_the_nights_after_a_wrong_date_miss_nothing(days: float, scripted: ScriptedLoads) -> None:
    wrong_night(scripted, days)
    scripted.check_equal()
    assert watermark_in(scripted.newest()) == now(scripted) + days * DAY
    for night in range(1, 4):
        # One update that the load itself could still have read, and one of the day.
        change(scripted, 10 * night, after=-HOUR)
        change(scripted, 10 * night + 1, after=HOUR)
        report = scripted.night()
        scripted.check_equal()
        assert watermark_in(scripted.newest()) == now(scripted)
        assert scripted.newest().summary.cursor_set_back == (night == 1)
        assert [("the watermark is set back" in warning) for warning in report.warnings] == [True] * (night == 1)
    assert scripted.night().requests <= QUIET


def test_nights_that_were_loaded_before_with_a_wrong_watermark_are_read_again(scripted: ScriptedLoads) -> None:
    """As a lake may have them: the wrong night, and after it commits that kept its watermark."""
    wrong_night(scripted, 20)
    change(scripted, 5, after=HOUR)
    wrong_night(scripted, 30)
    change(scripted, 6, after=HOUR)
    assert scripted.night().rows == 2
    scripted.check_equal()


@DAYS_AHEAD
def test_a_load_of_the_same_day_sets_the_watermark_back(days: float, scripted: ScriptedLoads) -> None:
    wrong_night(scripted, days)
    change(scripted, 7, after=60)
    scripted.sandbox.world.seconds = HOUR
    report = again(scripted)
    scripted.check_equal()
    assert report.rows == 1
    assert watermark_in(scripted.newest()) == now(scripted)


@DAYS_AHEAD
def test_a_full_load_sets_the_watermark_back(days: float, scripted: ScriptedLoads) -> None:
    wrong_night(scripted, days, full_refresh=True)
    report = again(scripted, full_refresh=True)
    assert (report.mode, watermark_in(scripted.newest())) == ("full", now(scripted))
    assert len(report.warnings) == 1


def test_a_first_load_with_a_wrong_date(rows: int, tmp_path: Path) -> None:
    sandbox = ScriptedSandbox(rows)
    sandbox.faults.add(Fault("wrong_date", times=None, seconds=400 * DAY))
    with sandbox.running() as url:
        scripted = ScriptedLoads(sandbox, url, open_store((tmp_path / "lake").as_uri()))
        sandbox.faults.clear()
        change(scripted, 3, after=HOUR)
        sandbox.delete("games", [ids_of(sandbox)[9]])
        assert scripted.night().rows == rows - 1, "no commit has a sound watermark"
        scripted.check_equal()
        change(scripted, 4, after=HOUR)
        assert scripted.night().rows == 1
        scripted.check_equal()


def test_one_reply_with_a_wrong_date_changes_nothing(scripted: ScriptedLoads) -> None:
    scripted.sandbox.faults.add(Fault("wrong_date", seconds=400 * DAY))
    assert scripted.night().warnings == []
    assert watermark_in(scripted.newest()) == now(scripted)


def test_the_right_date_comes_only_with_a_later_reply(scripted: ScriptedLoads) -> None:
    wrong_night(scripted, 2)
    change(scripted, 8, after=HOUR)
    scripted.sandbox.faults.add(Fault("wrong_date", seconds=9 * DAY))
    scripted.night()
    assert watermark_in(scripted.newest()) == now(scripted) + DAY, "changes were asked for from then on: it stays"
    scripted.night()
    scripted.check_equal()
    assert watermark_in(scripted.newest()) == now(scripted)


def test_a_past_day_after_a_wrong_date(scripted: ScriptedLoads) -> None:
    first = scripted.sandbox.today
    wrong_night(scripted, 2)
    change(scripted, 8, after=HOUR)
    scripted.night(day=first)
    scripted.check_equal()
    assert watermark_in(scripted.newest()) == now(scripted)


def test_a_snapshot_of_a_wrong_date_is_refused(nights: NightlyLoads) -> None:
    nights.load("genres")
    nights.next_day()
    nights.sandbox.faults.add(Fault("wrong_date", times=None, seconds=400 * DAY))
    with pytest.raises(UnreadablePartitionError, check=having(is_future=False)):
        nights.load("genres")


SOUND, WRONG = LONG_AGO, LONG_AGO + 2 * DAY


def commit(watermark: int | None) -> Manifest:
    return Manifest(
        source="igdb",
        entity="games",
        version=2,
        committed_at=datetime(2026, 11, 21, tzinfo=UTC),
        run_id="run",
        partition="2026-11-21",
        mode=Mode.FULL,
        cursor=None if watermark is None else str(watermark),
        source_count=0,
        row_count=0,
        files=(),
    )


@pytest.mark.parametrize(
    ("newest", "is_base", "expected"),
    [
        (SOUND - DAY, True, SOUND),
        (None, True, SOUND),
        (SOUND + OVERLAP_SECONDS, True, SOUND + OVERLAP_SECONDS),
        (SOUND + OVERLAP_SECONDS + 1, True, SOUND),
        (WRONG, True, SOUND),
        (WRONG, False, WRONG),  # the commit of a load that ran beside this one
    ],
)
def test_the_watermark_of_the_next_commit(newest: int | None, is_base: bool, expected: int) -> None:
    watermark, warnings = watermark_after(commit(newest), SOUND, is_base=is_base)
    assert (watermark, len(warnings)) == (expected, newest is not None and expected < newest)
    assert watermark_after(None, SOUND, is_base=True) == (SOUND, [])


def test_the_watermark_of_a_load() -> None:
    base = commit(SOUND)
    assert watermark_of(Period(SOUND - OVERLAP_SECONDS, None), base, SOUND + DAY) == SOUND + DAY
    assert watermark_of(Period(SOUND - 9 * DAY, SOUND - 8 * DAY), base, SOUND + DAY) == SOUND
    assert watermark_of(Period(WRONG, None), base, SOUND + DAY) == SOUND

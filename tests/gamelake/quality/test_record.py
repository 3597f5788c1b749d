"""Findings from check to check: their states, the numbered reports, and the mart with their history."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.marts import findings
from gamelake.marts.findings import Observation, Severity, State
from gamelake.marts.reader import open_marts
from gamelake.quality.record import KEPT, record
from tests.support.generations import current_generation, published

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

START = datetime(2026, 11, 21, 5, tzinfo=UTC)


def late(subject: str = "igdb.games", **changes: Any) -> Observation:
    fields: dict[str, Any] = {
        "check": "freshness",
        "severity": Severity.P1,
        "subject": subject,
        "value": 31.5,
        "expected": "at most 30 hours",
        "message": f"{subject} is late",
    }
    return Observation(**fields | changes)


class Checks:
    """Checks of one lake, half an hour apart."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = START

    def __call__(self, *seen: Observation) -> bool:
        """Record a check. Returns: whether it made a numbered report."""
        self.at += timedelta(minutes=30)
        return record(self.store, seen, at=self.at, generation=None)[1]

    @property
    def states(self) -> dict[str, str]:
        """The states of the newest report, by the id of the finding."""
        report = findings.current(self.store)
        assert report is not None
        return {each.id: each.state.value for each in report.findings}

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        published(self.store, "2026-11-21")
        with open_marts(self.store) as marts:
            return marts.relation(findings.MART).select(columns).fetchall()


@pytest.fixture(params=["disk", "s3"])
def checks(request: pytest.FixtureRequest, tmp_path: Path) -> Checks:
    if request.param == "disk":
        return Checks(open_store((tmp_path / "lake").as_uri()))
    return Checks(open_store(f"s3://{request.getfixturevalue('bucket')}/lake", s3=request.getfixturevalue("s3")))


def test_the_states_of_a_finding(checks: Checks) -> None:
    games = "freshness:igdb.games"
    assert checks(), "the first check is stored, also if it finds nothing"
    assert not checks(), "nothing changed"
    assert checks(late())
    assert checks.states == {games: "new"}
    since = checks.at
    assert checks(late())
    assert checks.states == {games: "continuing"}
    assert not checks(late(value=32.0))
    report = findings.current(checks.store)
    assert report is not None
    assert (report.findings[0].since, report.findings[0].seen_at, report.findings[0].value) == (since, checks.at, 32.0)
    assert checks(late(severity=Severity.P0)), "it became worse"
    assert checks()
    assert checks.states == {games: "recovered"}
    assert not checks(), "a recovery is stated once"
    assert checks.states == {}
    assert checks(late())
    assert checks.states == {games: "new"}
    assert findings.numbers(checks.store) == [1, 2, 3, 4, 5, 6]


def test_a_column_of_a_mart_may_have_a_space_in_its_name(checks: Checks) -> None:
    assert checks(late("mart_mine.my column"))
    assert checks.states == {"freshness:mart_mine.my column": "new"}
    assert checks(late("mart_mine.my column"))
    assert checks.states == {"freshness:mart_mine.my column": "continuing"}, "the report before can be read"


def test_the_mart_has_a_row_for_each_finding_and_keeps_it(checks: Checks) -> None:
    for seen in ((), (late(), late("igdb.covers")), (late("igdb.covers"),), (late(),)):
        checks(*seen)
    minutes = [(START + timedelta(minutes=each)).replace(tzinfo=None) for each in (0, 30, 60, 90, 120)]
    rows = [
        ("freshness:igdb.covers", "recovered", minutes[2], minutes[3], minutes[4]),
        ("freshness:igdb.games", "recovered", minutes[2], minutes[2], minutes[3]),
        ("freshness:igdb.games", "new", minutes[4], minutes[4], None),
    ]
    assert checks.rows("id, state, since, seen_at, recovered_at") == rows
    assert checks.store.get(findings.COPY) == checks.store.get(open_marts(checks.store).report.table)  # type: ignore[union-attr]


def test_a_finding_of_long_ago_leaves_the_mart_unless_it_is_open(disk: Store) -> None:
    checks = Checks(disk)
    checks(late(), late("igdb.covers"))
    checks(late())
    checks.at += KEPT + timedelta(days=1)
    checks(late(), late("igdb.genres"))
    assert {name for (name,) in checks.rows("id")} == {"freshness:igdb.games", "freshness:igdb.genres"}


@pytest.mark.parametrize("harm", ["lost table", "damaged table", "damaged pointer", "lost pointer", "damaged report"])
def test_what_is_lost_or_damaged_is_made_again(disk: Store, harm: str) -> None:
    checks = Checks(disk)
    checks(late())
    checks()
    report = findings.current(disk)
    assert report is not None
    match harm:
        case "lost table":
            disk.delete(report.table)
        case "damaged table":
            disk.put(report.table, b"PAR1")
        case "damaged pointer":
            disk.put(findings.CURRENT, b"{")
        case "lost pointer":
            disk.delete(findings.CURRENT)
        case "damaged report":
            disk.put(findings.report_key(report.number), b"{}")
            disk.put(findings.CURRENT, b"{")
    checks(late("igdb.covers"))
    assert ("freshness:igdb.covers", "new") in checks.rows("id, state")
    assert ("freshness:igdb.games", "recovered") in checks.rows("id, state")
    assert findings.numbers(disk) == [1, 2, 3]


def test_a_report_that_the_pointer_does_not_show_counts(disk: Store) -> None:
    """A check is killed after it stored its report."""
    checks = Checks(disk)
    checks()
    shown = disk.get(findings.CURRENT)
    checks(late())
    disk.put(findings.CURRENT, shown)
    checks(late())
    assert checks.states == {"freshness:igdb.games": "continuing"}
    assert findings.numbers(disk) == [1, 2, 3]


def test_of_checks_at_the_same_time_each_gets_a_number(disk: Store) -> None:
    seen = [late(f"igdb.table_{each}") for each in range(6)]
    threads = [
        threading.Thread(target=record, args=(disk, [each]), kwargs={"at": START, "generation": None}) for each in seen
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert findings.numbers(disk) == [1, 2, 3, 4, 5, 6]
    stored = [findings.stored(disk, number) for number in range(1, 7)]
    assert {each.id for report in stored for each in report.findings if each.is_open} == {each.id for each in seen}
    tables = {info.key for info in disk.list(findings.TABLES)}
    assert tables >= {report.table for report in stored}


def test_each_generation_gets_a_report(disk: Store) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        published(disk, day)
        for is_stored in (True, False):
            report, stored = record(disk, [], at=START, generation=current_generation(disk))
            assert (stored, str(report.day)) == (is_stored, day)


def test_two_observations_of_one_subject_are_refused(disk: Store) -> None:
    with pytest.raises(ValueError, match=r"freshness:igdb\.games: found two"):
        record(disk, [late(), late(value=1.0)], at=START, generation=None)


def test_marts_without_a_check_have_no_findings(disk: Store) -> None:
    published(disk, "2026-11-21")
    marts = open_marts(disk)
    assert marts.report is None
    assert findings.MART not in marts.names
    record(disk, [late()], at=START, generation=None)
    checked = open_marts(disk)
    assert findings.MART in checked.names
    assert checked.report is not None
    assert checked.report.findings[0].state is State.NEW

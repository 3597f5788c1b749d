"""Record what checks found: the states of findings, numbered reports, and the mart `mart_data_quality`.

A report is stored under the next number if a state changed, or if readers have another generation. Of two writers one
creates the number, and the other decides again. A check that changes nothing writes `_current.json` only.
"""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from gamelake.lake.documents import DocumentError
from gamelake.lake.scratch import is_disk_full, scratch_folder
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.marts import findings
from gamelake.marts.documents import encode
from gamelake.marts.findings import Finding, Report, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from gamelake.lake.store import Store
    from gamelake.marts.documents import Generation
    from gamelake.marts.findings import Observation

log = logging.getLogger(__name__)

KEPT = timedelta(days=400)
"""How long a finding that recovered stays in the mart: a year and its comparison."""

_LOST_RACES = 20
_DISK = "A check keeps two copies of the findings there: free space, or set TMPDIR to another folder"

_COLUMNS = {
    "id": "varchar",
    "check_name": "varchar",
    "severity": "varchar",
    "subject": "varchar",
    "state": "varchar",
    "since": "timestamp",
    "seen_at": "timestamp",
    "recovered_at": "timestamp",
    "value": "double",
    "expected": "varchar",
    "message": "varchar",
    "report": "bigint",
}
"""The columns of the mart: one row a finding from `since` on. Times are in UTC, as in every mart."""


def settle(before: Iterable[Finding], seen: Iterable[Observation], at: datetime) -> tuple[Finding, ...]:
    """Return the findings of a check, given those of the check before and what it observes.

    Args:
        before: The findings of the report before.
        seen: What is observed now.
        at: The moment of the check.

    Raises:
        ValueError: Two observations have the same check and subject.
    """
    earlier = {each.id: each for each in before if each.is_open}
    found: dict[str, Finding] = {}
    for each in seen:
        if each.id in found:
            raise ValueError(f"{each.id}: found two observations, expected one for each check and subject")
        known = earlier.pop(each.id, None)
        state, since = (State.CONTINUING, known.since) if known else (State.NEW, at)
        found[each.id] = Finding(**msgspec.structs.asdict(each), state=state, since=since, seen_at=at)
    recovered = (msgspec.structs.replace(each, state=State.RECOVERED) for each in earlier.values())
    return tuple(sorted([*found.values(), *recovered], key=attrgetter("severity", "check", "subject")))


def record(
    store: Store,
    seen: Iterable[Observation],
    *,
    at: datetime,
    generation: Generation | None,
    commits: Mapping[str, int] | None = None,
) -> tuple[Report, bool]:
    """Record a check of the data.

    Args:
        store: The lake.
        seen: What the check observes.
        at: The moment of the check.
        generation: The generation that readers have.
        commits: The newest commit of each table.

    Returns:
        The report, and whether it got a number of its own.

    Raises:
        ValueError: As `settle`.
        StoreError: The store cannot be read or written.
    """
    observed, commits = tuple(seen), dict(commits or {})
    for _ in range(_LOST_RACES):
        before, number = findings.newest(store)
        found = settle(before.findings if before else (), observed, at)
        if before and _is_known(before, found) and before.generation == _name_of(generation):
            report = msgspec.structs.replace(before, checked_at=at, findings=found, commits=commits)
            store.put(findings.CURRENT, encode(report))
            return report, False
        report = Report(
            number=number + 1,
            checked_at=at,
            generation=_name_of(generation),
            day=generation.day if generation else None,
            findings=found,
            commits=commits,
            table=f"{findings.TABLES}{number + 1:08}-{uuid4().hex[:12]}.parquet",
        )
        _write_table(store, before, report)
        try:
            store.put(findings.report_key(report.number), encode(report), if_absent=True)
        except ObjectExistsError:  # another check was faster; the table stays, and no report names it
            continue
        store.copy(report.table, findings.COPY)
        store.put(findings.CURRENT, encode(report))
        return report, True
    raise StoreError("record", findings.REPORTS, f"no free number within {_LOST_RACES} tries; who else writes there?")


def _name_of(generation: Generation | None) -> str | None:
    return generation.generation if generation else None


def _is_known(before: Report, found: Iterable[Finding]) -> bool:
    """Whether a stored report states what was found. A recovery is stated once, and is new."""
    return {(each.id, each.state, each.severity) for each in before.findings if each.is_open} == {
        (each.id, each.state, each.severity) for each in found
    }


def _write_table(store: Store, before: Report | None, report: Report) -> None:
    """Write the mart of a report: the mart of the report before, and its findings. Raises: StoreError."""
    import duckdb

    with scratch_folder(_DISK, done="nothing was recorded") as folder, duckdb.connect() as database:
        database.execute(f"create table mart ({', '.join(f'{name} {kind}' for name, kind in _COLUMNS.items())})")
        if before and not _copy_earlier(store, before, database, folder):
            for earlier in _all(store):
                _add(database, earlier)
        _add(database, report)
        kept = (report.checked_at - KEPT).replace(tzinfo=None)
        written = folder / "written.parquet"
        table = database.table("mart").filter(f"recovered_at is null or recovered_at >= timestamp '{kept}'")
        table.order("since, id").write_parquet(str(written), compression="zstd")
        store.put_file(report.table, written)


def _copy_earlier(store: Store, before: Report, database: duckdb.DuckDBPyConnection, folder: Path) -> bool:
    """Take the rows of the mart before; returns False, and warns, if its file is missing or damaged."""
    import duckdb

    copy = folder / "earlier.parquet"
    try:
        copy.write_bytes(store.get(before.table))
        database.execute("insert into mart by name from read_parquet(?, hive_partitioning = false)", [str(copy)])
    except (ObjectNotFoundError, duckdb.Error) as error:
        if is_disk_full(error):
            raise
        log.warning("%s is made again from all reports: %s", before.table, error)
        return False
    return True


def _all(store: Store) -> Iterator[Report]:
    """Yield every stored report that can be read, the oldest first."""
    for number in findings.numbers(store):
        try:
            yield findings.stored(store, number)
        except (DocumentError, ObjectNotFoundError) as error:
            log.warning("%s is left out: %s", findings.report_key(number), error)


def _add(database: duckdb.DuckDBPyConnection, report: Report) -> None:
    """Add the findings of a report; they replace the rows of the same findings."""
    for each in report.findings:
        row = {
            "id": each.id,
            "check_name": each.check,
            "severity": each.severity.value,
            "subject": each.subject,
            "state": each.state.value,
            "since": _utc(each.since),
            "seen_at": _utc(each.seen_at),
            "recovered_at": None if each.is_open else _utc(report.checked_at),
            "value": each.value,
            "expected": each.expected,
            "message": each.message,
            "report": report.number,
        }
        database.execute("delete from mart where id = $id and since = $since", {"id": row["id"], "since": row["since"]})
        database.table("mart").insert([row[name] for name in _COLUMNS])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)

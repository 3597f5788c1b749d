"""The nights: what each load proved, read and repaired, when its marts were built, and why a night is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.days import day_of
from gamelake.kinds import SourceKind
from gamelake.nights.clock import deadline
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from datetime import date

    from apps.dashboard.data.snapshot import Row, Snapshot

SHOWN = 30


@dataclass(frozen=True, slots=True)
class Night:
    """One night.

    Attributes:
        tables, expected: Those of sources that each night loads; an optional one may be off.
        optional_tables: Those of optional sources that were loaded.
        state: `complete`: every table was loaded and proven. `unproven`: a table has rows that the source miscounts.
            `partial`: a table that was loaded before was not. `missing`: nothing was loaded. `left_out`: its popularity
            could not be built into the history. `unpublished`: it is past 06:00, and readers have the marts of an
            earlier night, which cannot tell what its loads did.
        published_at: When the marts of the day were built; None where that generation is no longer kept.
        reason: Why the day was left out of the history.
    """

    day: date
    state: str
    tables: int
    expected: int
    optional_tables: int
    figures: Row
    published_at: datetime | None
    reason: str | None


def nights(snapshot: Snapshot, now: datetime | None = None) -> list[Night]:
    """Return the last nights, the newest first, those without a load or without marts too.

    Args:
        snapshot: The generation.
        now: For tests; by default the present.

    Raises: StoreError.
    """
    by_day = {row["day"]: row for row in _by_day(snapshot)}
    if not by_day:
        return []
    built = {marts.generation.day: marts.generation.built_at for marts in [*snapshot.earlier, snapshot.marts]}
    left_out = {each.day: each.reason for each in snapshot.marts.history.left_out}
    last = max(snapshot.day, *by_day, _newest_due(now or datetime.now(UTC)))
    first = max(min(by_day), last - timedelta(days=SHOWN - 1))
    days = [last - timedelta(days=n) for n in range((last - first).days + 1)]
    expected = max(row["tables"] for row in by_day.values())
    found = []
    for day in days:
        figures = by_day.get(day)
        found.append(
            Night(
                day=day,
                state="unpublished"
                if day > snapshot.day and not figures
                else _state(figures, expected, is_left_out=day in left_out),
                tables=figures["tables"] if figures else 0,
                expected=expected,
                optional_tables=figures["optional_tables"] if figures else 0,
                figures=figures or {},
                published_at=built.get(day),
                reason=left_out.get(day),
            )
        )
    return found


def _newest_due(now: datetime) -> date:
    """Return the newest night of which readers expect the marts by now."""
    today = day_of(now)
    return today if now >= deadline(today) else today - timedelta(days=1)


def _state(figures: Row | None, expected: int, *, is_left_out: bool) -> str:
    if figures is None:
        return "missing"
    if is_left_out:
        return "left_out"
    if figures["tables"] < expected:
        return "partial"
    return "unproven" if figures["unproven"] else "complete"


def _by_day(snapshot: Snapshot) -> list[Row]:
    # A table may be loaded again, and events are applied many times a day: its rows and its proof are those of
    # its newest commit, and the work is that of all.
    query = """
        with loads as (
            select *, version = max(version) over (partition by source, entity, day) as is_newest
            from {fct_loads}
        )
        select
            day,
            count(distinct (source, entity)) filter (where not list_contains($optional, source)) as tables,
            count(distinct (source, entity)) filter (where list_contains($optional, source)) as optional_tables,
            count(*) filter (where is_newest and proof = 'unproven') as unproven,
            sum(rows_read)::bigint as rows_read,
            sum(row_count) filter (where is_newest)::bigint as row_count,
            sum(requests)::bigint as requests,
            sum(retries)::bigint as retries,
            sum(seconds) as seconds,
            sum(rows_rejected)::bigint as rows_rejected,
            sum(rows_deleted)::bigint as rows_deleted,
            sum(ranges_repaired)::bigint as ranges_repaired,
            sum(undeclared_values)::bigint as undeclared_values,
            max(committed_at) as committed_at
        from loads
        group by day
    """
    # An optional source has lists that are loaded once a week, and may be off: its tables are not expected each night.
    # Nor are tables of changes, which have no loads.
    others = (name for name, each in load_sources().items() if each.optional or each.kind is not SourceKind.API)
    return snapshot.rows(query, {"optional": sorted(others)})


def loads(snapshot: Snapshot, day: date) -> list[Row]:
    """Return the loads of a night, one row a commit. Raises: StoreError."""
    query = """
        select
            source, entity, mode, proof, source_count, row_count, rows_read, rows_rejected,
            rows_deleted, ranges_repaired, undeclared_fields, requests, retries, seconds, committed_at
        from {fct_loads}
        where day = ?
        order by source, entity, version
    """
    return snapshot.rows(query, day)

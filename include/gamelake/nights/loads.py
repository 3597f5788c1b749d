"""The load of one table in one night."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gamelake.days import format_day, parse_day
from gamelake.kinds import Kind
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Mode, Proof
from gamelake.nights.documents import LoadFacts, LoadStatus
from gamelake.nights.wording import text
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from gamelake.incidents.documents import Failure
    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput
    from gamelake.nights.records import TableRecords
    from gamelake.registry import Entity

CAUSE_LENGTH = 500
"""The characters of a cause that are shown."""

_STATUS = {
    Proof.COUNTED.value: LoadStatus.COMPLETE,
    Proof.UNPROVEN.value: LoadStatus.UNPROVEN,
    Proof.NONE.value: LoadStatus.UNCOUNTED,
    Proof.PAGED.value: LoadStatus.UNCOUNTED,
    Proof.PARTIAL.value: LoadStatus.PARTIAL,
}


def day_of_commit(commit: CommitInput) -> date:
    """Return the Korean day that a commit loaded."""
    return parse_day(commit.partition[:10])


def is_expected(entity: Entity, table: TableRecords, day: date, last: date) -> bool:
    """Whether a day should have a load of a table: from its first one on; of a table without any, the last day.

    A table that is loaded by the week or the month is expected where it was loaded, and where it is overdue.
    """
    loaded = {each.partition[:10] for each in table.commits.values()}
    if format_day(day) < min(loaded, default=format_day(last)):
        return False
    earlier = (format_day(day - timedelta(days=back)) for back in range(1, entity.days_between_loads))
    return format_day(day) in loaded or not any(each in loaded for each in earlier)


def facts(entity: Entity, table: TableRecords, day: date, *, is_late: bool, rate: float | None) -> LoadFacts:
    """Return the load of a table in one night.

    Args:
        entity: The entity of the table.
        table: Its commits.
        day: The night.
        is_late: Whether a load that is missing is late.
        rate: The requests a second that the source allows.
    """
    commits = [each for _, each in sorted(table.commits.items()) if each.partition == format_day(day)]
    if commits:
        return committed(entity, commits[-1], commits=len(commits), rate=rate)
    if version := _lost_version(table, day):
        status, note = LoadStatus.DAMAGED, text("load.lost", version=version)
    elif not is_late:
        status, note = LoadStatus.WAITING, text("load.waiting")
    else:
        is_reloaded = any(each.partition > format_day(day) for each in table.commits.values())
        later = "reloaded" if is_reloaded and entity.kind is not Kind.TIME_SERIES else entity.kind.value
        status, note = LoadStatus.MISSING, text("load.missing") + text(f"load.{later}")
    return LoadFacts(**_named(entity), status=status, **note.fields("note"))


def committed(entity: Entity, commit: CommitInput, *, rate: float | None, commits: int = 1) -> LoadFacts:
    """Return a load that was committed. Arguments as `facts`."""
    allowed = (rate or 0.0) * commit.seconds
    return LoadFacts(
        **_named(entity),
        status=_STATUS.get(commit.proof, LoadStatus.UNCOUNTED),
        commits=commits,
        commit=commit,
        started_at=commit.committed_at - timedelta(seconds=commit.seconds),
        pace=min(1.0, commit.requests / allowed) if allowed else None,
    )


def traced(store: Store, load: LoadFacts, day: date, *, cause: Words | None = None) -> LoadFacts:
    """Add to a missing load what the lake has of it: a load that is held or fails commits nothing. Raises: StoreError.

    Costs one or two listings. Rows that were not committed are removed after some days. cause: what `cause_of` returns.
    """
    if cause and load.commit is None:
        load = replace(load, **(_note(load) + cause).fields("note"))
    if load.status is not LoadStatus.MISSING:
        return load
    table, partition = TableName(load.source, load.entity), f"dt={format_day(day)}/"
    is_uncommitted = True
    if rejected := next(iter(store.list(f"{table.rejected_prefix}{partition}")), None):
        found = text("load.rejected", key=rejected.key)
    elif next(iter(store.list(f"{table.prefix}{partition}")), None):
        found = text("load.uncommitted")
    else:
        found = text("load.nothing")
        is_uncommitted = False
    return replace(load, **(_note(load) + found).fields("note"), is_uncommitted=is_uncommitted)


def cause_of(failure: Failure) -> Words:
    """Return why a load failed, in one line: an error's own message is in English in both languages."""
    if failure.cause_ko is None:
        return text("load.failed_error", cause=_in_a_line(failure.cause))
    return text("load.failed", cause=Words(_in_a_line(failure.cause), _in_a_line(failure.cause_ko)))


def _in_a_line(cause: str) -> str:
    """Return a cause without its line feeds: what to do is in its last line."""
    line = "; ".join(line.strip() for line in cause.splitlines() if line.strip())
    shown = line if len(line) <= CAUSE_LENGTH else f"{line[:CAUSE_LENGTH]} ..."
    return shown.rstrip(".")


def warnings(load: LoadFacts) -> Iterator[Words]:
    """Yield what a person should look at in a load."""
    commit, table = load.commit, load.table
    if commit is None:
        if load.status is not LoadStatus.WAITING:
            yield text("warning.load", table=table, note=_note(load))
        return
    if commit.ranges_unproven:
        yield text("warning.unproven", table=table, ranges=_counted(commit.ranges_unproven, "range"))
    if commit.rows_rejected:
        rows = _counted(commit.rows_rejected, "row")
        yield text("warning.rejected", table=table, rows=rows)
    if commit.undeclared_fields:
        yield text("warning.undeclared", table=table, fields=", ".join(commit.undeclared_fields))
    if commit.is_shrink_allowed:
        yield text("warning.shrunk", table=table)
    if commit.is_cursor_set_back:
        yield text("warning.set_back", table=table)
    if commit.mode == Mode.SNAPSHOT and not commit.row_count:
        yield text("warning.empty", table=table)


def _note(load: LoadFacts) -> Words:
    return Words(load.note or "", load.note_ko or "")


def _lost_version(table: TableRecords, day: date) -> int | None:
    """Return the number of a lost commit that may be the one of a day: its neighbours are of other days around it."""
    for version in sorted(table.lost):
        before = [day_of_commit(each) for number, each in table.commits.items() if number < version]
        after = [day_of_commit(each) for number, each in table.commits.items() if number > version]
        if (not before or max(before) < day) and (not after or min(after) > day):
            return version
    return None


def _named(entity: Entity) -> dict[str, Any]:
    return {
        "source": entity.source,
        "entity": entity.name,
        "dag_id": entity.dag_id,
        "kind": entity.kind.value,
        "is_required": entity.gates_transform,
    }


def _counted(count: int, thing: str) -> Words:
    return text(f"count.{thing}{'' if count == 1 else 's'}", count=count)

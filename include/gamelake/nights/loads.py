"""The load of one table in one night."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gamelake.days import format_day, parse_day
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Mode, Proof
from gamelake.nights.documents import LoadFacts, LoadStatus
from gamelake.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput
    from gamelake.nights.records import TableRecords
    from gamelake.registry import Entity

_STATUS = {
    Proof.COUNTED.value: LoadStatus.COMPLETE,
    Proof.UNPROVEN.value: LoadStatus.UNPROVEN,
    Proof.NONE.value: LoadStatus.UNCOUNTED,
    Proof.PAGED.value: LoadStatus.UNCOUNTED,
    Proof.PARTIAL.value: LoadStatus.PARTIAL,
}

_LATER = {
    Kind.INCREMENTAL: "The next load reads what changed meanwhile.",
    Kind.SNAPSHOT: "The next load reads the table whole.",
    Kind.TIME_SERIES: "The source has no history: this day cannot be read later.",
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
        status, note = LoadStatus.DAMAGED, f"The manifest of version {version} is lost or damaged: restore it."
    elif not is_late:
        status, note = LoadStatus.WAITING, "Not loaded yet."
    else:
        reload = any(each.partition > format_day(day) for each in table.commits.values())
        status = LoadStatus.MISSING
        note = f"No load of this day was committed. {_LATER[entity.kind]}"
        if reload and entity.kind is not Kind.TIME_SERIES:
            note = "No load of this day was committed. A later load has read what changed."
    return LoadFacts(**_named(entity), status=status, note=note)


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


def traced(store: Store, load: LoadFacts, day: date) -> LoadFacts:
    """Add to a missing load what the lake has of it: a load that is held or fails commits nothing. Raises: StoreError.

    Costs one or two listings. Rows that were not committed are removed after some days.
    """
    if load.status is not LoadStatus.MISSING:
        return load
    table, partition = TableName(load.source, load.entity), f"dt={format_day(day)}/"
    is_uncommitted = True
    if rejected := next(iter(store.list(f"{table.rejected_prefix}{partition}")), None):
        found = f"Rows that break the contract are kept at {rejected.key}."
    elif next(iter(store.list(f"{table.prefix}{partition}")), None):
        found = "A load stored rows and did not commit them: it was held, it failed, or it still runs."
    else:
        found = "The lake has no rows of a load of this day."
        is_uncommitted = False
    return replace(load, note=f"{load.note} {found}", is_uncommitted=is_uncommitted)


def warnings(load: LoadFacts) -> Iterator[str]:
    """Yield what a person should look at in a load."""
    commit, name = load.commit, load.entity
    if commit is None:
        if load.status is not LoadStatus.WAITING:
            yield f"{name}: {load.note}"
        return
    if commit.ranges_unproven:
        yield f"{name}: the source miscounts {_counted(commit.ranges_unproven, 'id range')}."
    if commit.rows_rejected:
        listed = f"`gamelake lake rejected {load.source}.{name}` lists them"
        yield f"{name}: {_counted(commit.rows_rejected, 'row')} broke the contract and were left out; {listed}."
    if commit.undeclared_fields:
        fields = ", ".join(commit.undeclared_fields)
        yield f"{name}: the source sends fields that entities.yaml does not declare: {fields}."
    if commit.is_shrink_allowed:
        yield f"{name}: the table lost more rows than a load may remove, and an operator allowed it."
    if commit.is_cursor_set_back:
        yield f"{name}: the load before had a wrong watermark; this load set it back."
    if commit.mode == Mode.SNAPSHOT and not commit.row_count:
        yield f"{name}: the source sent no rows."


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


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"

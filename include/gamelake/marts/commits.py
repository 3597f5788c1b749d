"""The commits that a build reads, and the figures of all commits before them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gamelake.days import day_of_partition, format_day, parse_day
from gamelake.kinds import Kind
from gamelake.lake.factory import place_of
from gamelake.lake.manifest import Manifest, ManifestError, Mode
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import open_table
from gamelake.lake.uploads import DamagedPartError, verify_part
from gamelake.marts.build_inputs import CommitInput
from gamelake.marts.errors import TransformError, UnbuildableDayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from msgspec import Struct

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import ReadableStore
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

_TABLES_AT_ONCE = 8
_SHOWN_TABLES = 5


def commits_as_of(
    store: ReadableStore, entities: Sequence[Entity], day: date, *, fresh: bool = False
) -> tuple[dict[str, Manifest], dict[str, str]]:
    """Return the commit of each table that shows it as it stood on a day, and why a broken table is left out, by table.

    A table that no build waits for is left out if it was not loaded by that day, or if its commit or a part is damaged
    or missing: an optional source stops no build. Each of its parts is read for that.

    Args:
        store: The lake that has the tables.
        entities: Every entity of the registry.
        day: The Korean day.
        fresh: With the events that were applied since the loads of that day.

    Raises:
        UnbuildableDayError: The day is after the newest load, or a table that builds wait for was never loaded.
        ManifestError: A commit is damaged.
        StoreError: The lake cannot be read.
    """
    # A day of two years ago is 700 commits back in each table, and each of them is a request.
    with ThreadPoolExecutor(_TABLES_AT_ONCE) as threads:
        read = threads.map(lambda e: _as_of(store, e, day, fresh=fresh), entities)
        found = dict(zip(map(str, entities), read, strict=True))
    commits = {name: each for name, each in found.items() if isinstance(each, Manifest)}
    left_out = {name: each for name, each in found.items() if isinstance(each, str)}
    if missing := [entity for entity in entities if entity.gates_transform and str(entity) not in commits]:
        raise UnbuildableDayError(
            f"no load of {_listed(map(str, missing))} was committed for {format_day(day)} or a day before it in "
            f"{place_of(store)}; {_hint(store, missing)}"
        )
    # The newest load is the limit, not the clock of this machine: the source's clock decides what can be loaded.
    loaded = {str(entity) for entity in entities if entity.has_load}
    is_loaded = any(
        day_of_partition(commit.partition) == format_day(day) for name, commit in commits.items() if name in loaded
    )
    if not is_loaded and (newest := newest_day(store, entities)) < day:
        raise UnbuildableDayError(
            f"date: found {format_day(day)}, expected {format_day(newest)} or earlier: that is the newest day that was "
            f"loaded into {place_of(store)}"
        )
    return commits, left_out


def _hint(store: ReadableStore, missing: Sequence[Entity]) -> str:
    """Return what to do about tables without a load: only an incremental one can be loaded for a past day."""
    later = [str(each) for each in missing if each.kind is not Kind.INCREMENTAL and _latest(store, each)]
    if later:
        return f"the first load of {_listed(later)} is of a later day, and shows no past: build that day or a later one"
    return f"run {_listed(each.dag_id for each in missing)} first"


def _listed(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are: a message that is too long loses its end."""
    known = list(names)
    more = len(known) - _SHOWN_TABLES
    return f"{', '.join(known[:_SHOWN_TABLES])}{f' and {more} more' if more > 0 else ''}"


def _as_of(store: ReadableStore, entity: Entity, day: date, *, fresh: bool) -> Manifest | str | None:
    """Return the commit of a table; None if it has none, and why it is left out if an optional one is broken."""
    try:
        commit = open_table(store, entity.table).as_of(format_day(day), events=fresh)
        if commit and not entity.gates_transform:
            for part in commit.files:
                _verify(store, entity, part)
    except (ManifestError, ObjectNotFoundError, DamagedPartError) as error:
        if entity.gates_transform:
            raise
        log.warning("%s is left out of the build, and its marts have no rows of it: %s", entity, error)
        return str(error)
    return commit


def _verify(store: ReadableStore, entity: Entity, part: Part) -> None:
    try:
        verify_part(store, part)
    except ObjectNotFoundError:
        if entity.kind is not Kind.TIME_SERIES:  # parts of a time series may be in the file of their month
            raise


def newest_day(store: ReadableStore, entities: Iterable[Entity]) -> date:
    """Return the newest Korean day that was loaded for any entity; changes are applied on every day, and do not count.

    Raises:
        TransformError: Nothing was ever loaded.
        ManifestError: A commit is damaged.
        StoreError: The lake cannot be read.
    """
    commits = [commit for entity in entities if entity.has_load and (commit := _latest(store, entity))]
    if not commits:
        raise TransformError(
            f"no load was ever committed in {place_of(store)}; run the DAGs of the sources, or `make run`"
        )
    # The newest commit may be a reload of an older day: its files then include later days.
    parts = [file.partition for commit in commits for file in commit.files]
    return parse_day(max(map(day_of_partition, [*(commit.partition for commit in commits), *parts])))


def _latest(store: ReadableStore, entity: Entity) -> Manifest | None:
    try:
        return open_table(store, entity.table).latest()
    except ManifestError:
        if entity.gates_transform:
            raise
        return None


def commit_inputs(
    store: ReadableStore, entity: Entity, read: Manifest, *, day: date, known: Iterable[CommitInput]
) -> list[CommitInput]:
    """Return the figures of a table's loads, the oldest first: up to the commit that is read, and of no later day.

    The commit that is read may be one of applied events; those between two loads are left out.

    Commits never change, so that those of an earlier build need not be read again. They are used if the store still has
    the newest of them: `known` may come from another lake.

    Args:
        store: The lake that has the table.
        entity: The entity of the table.
        read: The commit that the build reads.
        day: The day that is built.
        known: The commits that an earlier build listed, of any table.

    Raises:
        StoreError: The lake cannot be read.
    """
    earlier = {
        each.version: each
        for each in known
        if (each.source, each.entity) == (read.source, read.entity) and each.mode != Mode.EVENTS
    }
    table, found, is_trusted = open_table(store, entity.table), {read.version: figures_of(read)}, False
    version = read.load_before + 1
    while version := version - 1:
        listed = earlier.get(version)
        if listed and is_trusted:
            found[version] = listed
            continue
        if is_trusted and read.events:  # not listed: mostly commits between two loads, which would be read each night
            continue
        with suppress(ObjectNotFoundError, ManifestError):  # a lost or damaged commit has no figures
            commit = table.read(version)
            if commit.mode is not Mode.EVENTS:
                found[version] = figures_of(commit)
                is_trusted = is_trusted or bool(listed and replace(listed, is_read=False) == found[version])
            version = commit.load_before + 1
    return [
        replace(found[version], is_read=version == read.version)
        for version in sorted(found)
        if day_of_partition(found[version].partition) <= format_day(day)
    ]


def figures_of(commit: Manifest) -> CommitInput:
    """Return the figures of a commit; `is_read` is false."""
    summary = commit.summary
    return CommitInput(
        **shared_fields(commit, CommitInput),
        **shared_fields(summary, CommitInput),
        is_read=False,
        ranges_unproven=len(commit.unproven),
        undeclared_fields=tuple(sorted(summary.undeclared)),
        undeclared_values=sum(summary.undeclared.values()),
        is_cursor_set_back=summary.cursor_set_back,
        is_shrink_allowed=commit.shrink_allowed,
    )


def shared_fields(document: Struct, kind: type[Struct]) -> dict[str, Any]:
    """Return the fields of a document that another kind of document has too, by their names."""
    return {name: getattr(document, name) for name in kind.__struct_fields__ if name in document.__struct_fields__}

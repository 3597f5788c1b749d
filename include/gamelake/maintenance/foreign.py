"""Find what lies in a lake and is not the lake's: objects of tables that the registry lacks, and of other programs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gamelake.feeds.documents import FEEDS
from gamelake.lake.findings import Finding, Problem
from gamelake.lake.keys import RAW, number_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import ObjectInfo, Store

FOLDERS = ("feeds/", "inbox/", "incidents/", "lineage/", "marts/", "raw/", "reports/", "topics/")
"""The folders of a lake."""

_MOST_FOLDERS = 20
"""Folders in one place that are named; each is a request."""
_MOST_OBJECTS = 1000
"""Objects of a folder that are counted: S3 lists so many in a request."""
_NAMED = 3
_END = "\U0010fffd"
"""Sorts after what any name begins with."""
_NO_TABLE = "the registry has no such table, so nothing reads it: declare it again, or remove it"
_NOT_OURS = "nothing of gamelake reads it: remove it, unless another program needs it"


def audit_foreign(store: Store, tables: Collection[TableName], *, whole: bool) -> Iterator[Finding]:
    """Yield the objects and folders that no part of gamelake reads. No command removes them.

    Below the folders of `FOLDERS` only those of tables are looked at, but for their days, which `audit_table` compares
    with the commits.

    Args:
        store: The lake.
        tables: With `whole` every table of the registry.
        whole: Look at what is beside the tables too.

    Raises:
        StoreError: The lake cannot be read.
    """
    if whole:
        sources = sorted({table.source for table in tables})
        yield from _strangers(store, "", FOLDERS, _NOT_OURS)
        for root in (RAW, FEEDS):
            yield from _strangers(store, root, [f"{root}{source}/" for source in sources], _NO_TABLE)
            for source in sources:
                folder = f"{root}{source}/"
                own = [f"{folder}{table.entity}/" for table in tables if table.source == source]
                yield from _strangers(store, folder, [*own, f"{folder}_"], _NO_TABLE)
    for table in tables:
        own = [f"{table.prefix}dt=", table.manifests_prefix, table.rejected_prefix, table.months_prefix]
        yield from _strangers(store, table.prefix, own, _NOT_OURS, key=table.pointer_key)
        commits = store.list(table.manifests_prefix)
        others = [info for info in commits if number_of(table.manifests_prefix, info.key) is None]
        if others:
            yield _finding(table.manifests_prefix, others, _NOT_OURS)


def _strangers(store: Store, place: str, own: Sequence[str], reason: str, *, key: str = "") -> Iterator[Finding]:
    """Yield a finding for each folder in a place, and one for its loose objects, that is not the lake's.

    Args:
        store: The lake.
        place: Empty, or the key of a folder with a slash at its end.
        own: What keys of the lake in it start with; these are not listed.
        reason: Why the others are findings.
        key: An object of the lake in it.
    """
    loose: list[ObjectInfo] = []
    folders, after = 0, ""
    while True:
        skipped = None
        for info in store.list(place, after=after):
            skipped = next((each for each in own if info.key.startswith(each)), None)
            if skipped is not None:
                break
            name, is_folder, _ = info.key.removeprefix(place).partition("/")
            if is_folder:
                skipped = f"{place}{name}/"
                folders += 1
                if folders > _MOST_FOLDERS:
                    more = f"it and maybe others, beside the {_MOST_FOLDERS} before it: {reason}"
                    yield Finding(Problem.FOREIGN, skipped, more)
                    return
                yield _finding(skipped, list(islice(store.list(skipped), _MOST_OBJECTS + 1)), reason)
                break
            if info.key != key:
                loose.append(info)
        if skipped is None:
            break
        after = skipped + _END
    if loose:
        yield _finding(place, loose, reason)


def _finding(place: str, objects: Sequence[ObjectInfo], reason: str) -> Finding:
    """Return a finding about objects of a folder, or about the only one."""
    size, newest = sum(info.size for info in objects), max(info.modified for info in objects)
    if len(objects) == 1:
        return Finding(Problem.FOREIGN, objects[0].key, reason, size, newest)
    count = f"{len(objects):,}" if len(objects) <= _MOST_OBJECTS else f"{_MOST_OBJECTS:,} or more"
    named = ", ".join(info.key.removeprefix(place) for info in objects[:_NAMED])
    return Finding(Problem.FOREIGN, place, f"{count} objects, such as {named}: {reason}", size, newest)

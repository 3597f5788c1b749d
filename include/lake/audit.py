"""Holds a table to its commits: what lies there that none of them needs, and what they need that is not there.

A commit is needed while it is the newest, and for RETENTION after: reads as of a past day use it. A part that no needed
commit names is an orphan, whether it never was in a commit or no longer counts. A part that a running load has just
put is an orphan too until its commit: only old ones may be removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from include.lake.keys import table_prefix
from include.lake.manifest import Table
from include.lake.store import ObjectNotFound
from include.lake.uploads import PartDamaged, verify_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from include.lake.files import File
    from include.lake.manifest import Manifest
    from include.lake.store import ObjectInfo, Store

RETENTION = timedelta(days=7)
"""How long a commit is needed after the next one: as long as the lifecycle rule keeps outdated parts."""


class Problem(StrEnum):
    """What is wrong with an object."""

    ORPHAN = "orphan"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it should be. bytes, modified: of what the store holds; 0 and None if it is missing."""

    problem: Problem
    key: str
    reason: str
    bytes: int = 0
    modified: datetime | None = None

    @classmethod
    def orphan(cls, info: ObjectInfo, reason: str) -> Finding:
        """An object that nothing needs."""
        return cls(Problem.ORPHAN, info.key, reason, info.size, info.modified)


def audit_table(store: Store, entity: str, *, now: datetime, verify: bool = False) -> Iterator[Finding]:
    """What is wrong with one table.

    verify: read the parts of the newest commit and compare their hashes, not only the sizes of all.
    Raises: StoreError, ManifestError.
    """
    table = Table(store, entity)
    # The objects first: what a load puts and commits while this runs is then in the commits.
    there = {info.key: info for info in store.list(f"{table_prefix(entity)}dt=")}
    commits = table.current_since(now - RETENTION)
    needed = {file.key: (file, commit) for commit in reversed(commits) for file in commit.files}
    for key, info in there.items():
        if key not in needed:
            yield Finding.orphan(info, f"no commit of the last {RETENTION.days} days names it")
    newest = commits[0].version if commits else 0
    for file, commit in needed.values():
        yield from _check_file(store, file, commit, there.get(file.key), verify=verify and commit.version == newest)


def _check_file(
    store: Store, file: File, commit: Manifest, info: ObjectInfo | None, *, verify: bool
) -> Iterator[Finding]:
    named = f"version {commit.version} of {commit.partition} names it"
    try:
        info = info or store.info(file.key)
        if info.size != file.bytes:
            reason = f"{named} with {file.bytes} bytes, the store holds {info.size}"
            yield Finding(Problem.DAMAGED, file.key, reason, info.size, info.modified)
        elif verify:
            verify_part(store, file)
    except ObjectNotFound:
        yield Finding(Problem.MISSING, file.key, named)
    except PartDamaged as error:
        yield Finding(Problem.DAMAGED, file.key, f"{named}; {error}", file.bytes)

"""Compare a table's objects with its commits and months: find unneeded, missing and damaged objects.

A commit is needed while it is the newest, and for RETENTION after that: reads as of a past day use it. A part that no
needed commit names is an orphan. A part of a running load is an orphan too until its commit, so only old orphans may be
removed. Where a needed commit is missing or damaged, no part is an orphan, because its list of parts is unknown.

A needed part may be missing if the file of its month has its rows. Its object is an orphan RETENTION after the month
was compacted, while that file is there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gamelake.lake.findings import RETENTION, Finding, Problem
from gamelake.lake.manifest import ManifestError
from gamelake.lake.month_audit import survey_months
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table, TableReader
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.lake.keys import TableName
    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import ObjectInfo, Store

REJECTED_RETENTION = timedelta(days=30)
"""How long rejected rows are kept, so that their errors can be examined."""


def audit_table(store: Store, name: TableName, *, now: datetime, verify: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with one table.

    verify: read the parts of the newest commit and the files of months and compare their hashes, not only sizes.
    Raises: StoreError.
    """
    # The objects first: what a load puts and commits while this runs is then in the commits.
    there = {info.key: info for info in store.list(f"{name.prefix}dt=")}
    table = Table(store, name)
    try:
        TableReader(store, name).latest()
    except ManifestError as error:
        yield Finding(Problem.DAMAGED, name.pointer_key, str(error))
    try:
        latest = table.latest()  # before the commits are listed, so that a newer one of them is no gap
        commits = table.current_since(now - RETENTION)
    except ManifestError as error:
        yield Finding(Problem.DAMAGED, name.manifests_prefix, str(error))
        return
    gaps = _gaps({commit.version for commit in commits}, latest.version if latest else 0)
    needed = {part.key: (part, commit) for commit in reversed(commits) for part in commit.files}
    if gaps:
        reason = "the table's commits are numbered without gaps"
        yield from (Finding(Problem.MISSING, name.manifest_key(version), reason) for version in gaps)
    else:
        reason = f"no commit of the last {RETENTION.days} days names it"
        yield from (Finding.orphan(info, reason) for key, info in there.items() if key not in needed)
    for info in store.list(name.rejected_prefix):
        if info.modified < now - REJECTED_RETENTION:
            yield Finding.orphan(info, f"rejected rows are kept for {REJECTED_RETENTION.days} days")
    named = [(part, part.key in there) for part, _ in needed.values()]
    months = survey_months(store, name, named, now=now, verify=verify)
    # Without all commits it is not known which parts are needed, so which files of months.
    yield from (each for each in months.findings if not gaps or each.problem is not Problem.ORPHAN)
    newest = commits[0].version if commits else 0
    for part, commit in needed.values():
        found, month = there.get(part.key), months.of_part.get(part.key)
        if month is not None and found is None:
            continue
        if month is not None and found is not None and month.is_old:
            yield Finding.orphan(found, f"{month.file} has its rows")
            continue
        yield from _check_part(store, part, commit, found, verify=verify and commit.version == newest)


def _gaps(found: set[int], newest: int) -> list[int]:
    """Return the numbers of the commits that should exist, from the first stored one to the newest known one."""
    newest = max(newest, *found, 0)
    first = min(found, default=newest)
    return [version for version in range(max(1, first), newest + 1) if version not in found]


def _check_part(
    store: Store, part: Part, commit: Manifest, info: ObjectInfo | None, *, verify: bool
) -> Iterator[Finding]:
    named = f"version {commit.version} of {commit.partition} names it"
    try:
        info = info or store.info(part.key)
        if info.size != part.bytes:
            reason = f"{named} with {part.bytes} bytes, the store has {info.size}"
            yield Finding(Problem.DAMAGED, part.key, reason, info.size, info.modified)
        elif verify:
            verify_part(store, part)
    except ObjectNotFoundError:
        yield Finding(Problem.MISSING, part.key, named)
    except DamagedPartError as error:
        yield Finding(Problem.DAMAGED, part.key, f"{named}; {error}", part.bytes)

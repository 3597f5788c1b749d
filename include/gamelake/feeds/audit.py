"""Find what is wrong with the feed of a table: missing and damaged parts, and what nothing needs any more."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from operator import itemgetter
from typing import TYPE_CHECKING

from gamelake.feeds.documents import FeedError, prefix_of, step_key, steps_prefix
from gamelake.feeds.feed import Feed
from gamelake.lake.findings import Finding, Problem
from gamelake.lake.keys import number_of
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.feeds.documents import FeedPart, Step
    from gamelake.lake.keys import TableName
    from gamelake.lake.store import ObjectInfo, Store

RETENTION = timedelta(days=400)
"""How long a step is kept; the newest one is kept at any age."""


def audit_feed(store: Store, table: TableName, *, now: datetime, verify: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with a feed.

    While a step is missing or damaged, no part is an orphan: the parts of that step are not known.

    Args:
        store: The lake.
        table: Whose feed.
        now: The present.
        verify: Read the parts and compare their hashes, not only their sizes.

    Raises:
        StoreError: The lake cannot be read.
    """
    there = {info.key: info for info in store.list(f"{prefix_of(table)}dt=")}  # before the steps that name them
    prefix = steps_prefix(table)
    stored = {number: info for info in store.list(prefix) if (number := number_of(prefix, info.key)) is not None}
    feed, newest = Feed(store, table), max(stored, default=0)
    steps: list[Step] = []
    is_whole = True
    for number in range(min(stored, default=1), newest + 1):
        if number not in stored:
            is_whole = False
            yield Finding(Problem.MISSING, step_key(table, number), "the steps of a feed are numbered without gaps")
            continue
        try:
            steps.append(feed.read(number))
        except FeedError as error:
            is_whole = False
            yield Finding(Problem.DAMAGED, step_key(table, number), str(error))
    # The first ones only: a gap in the numbers is a fault.
    is_old = [step.number != newest and stored[step.number].modified < now - RETENTION for step in steps]
    old = {step.number for step, _ in takewhile(itemgetter(1), zip(steps, is_old, strict=True))}
    named = {part.key: part for step in steps if step.number not in old for part in step.files}
    for number in sorted(old):
        yield Finding.orphan(stored[number], f"steps of a feed are kept for {RETENTION.days} days")
    if is_whole:
        reason = f"no step of the last {RETENTION.days} days names it"
        yield from (Finding.orphan(info, reason) for key, info in there.items() if key not in named)
    for key, part in named.items():
        yield from _check_part(store, part, there.get(key), verify=verify)


def _check_part(store: Store, part: FeedPart, info: ObjectInfo | None, *, verify: bool) -> Iterator[Finding]:
    """Yield what is wrong with a part that a step names. info: of its object; None if it was not there before."""
    try:
        info = info or store.info(part.key)
        if info.size != part.bytes:
            reason = f"a step names it with {part.bytes} bytes, the store has {info.size}"
            yield Finding(Problem.DAMAGED, part.key, reason, info.size, info.modified)
        elif verify:
            verify_part(store, part)
    except ObjectNotFoundError:
        yield Finding(Problem.MISSING, part.key, "a step of the feed names it")
    except DamagedPartError as error:
        yield Finding(Problem.DAMAGED, part.key, str(error), part.bytes)

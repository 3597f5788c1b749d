"""What a build reads of the change feed of IGDB's games: the steps of the last 28 days, and the gaps between them.

A gap is stated and fails nothing: transform builds the marts of a day also where the feed could not be made.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import dropwhile
from typing import TYPE_CHECKING

from gamelake.days import bounds_of, day_of_partition, format_day
from gamelake.feeds.documents import FeedError
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError, verify_part
from gamelake.marts.build_inputs import FeedFileInput, FeedStepInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from gamelake.feeds.documents import Step
    from gamelake.feeds.feed import Feed
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput

log = logging.getLogger(__name__)

DAYS = 28
"""The days whose changes a build has: the one that is built, and those before it."""
AT_ONCE = 16
"""Objects that are asked for at once: where events are applied, a day has many steps."""
FED = "igdb.games"
"""The table. RAWG's rows are not read: its terms forbid to pass them on, its deleted rows among them."""


def feed_inputs(
    store: Store, read: Manifest, commits: Iterable[CommitInput], *, day: date
) -> tuple[tuple[FeedStepInput, ...], tuple[FeedFileInput, ...]]:
    """Return the intervals between commits of the last days, the oldest first, and the files of those that are known.

    Args:
        store: The lake that has the feed; a CDN serves none.
        read: The commit of the table that the build reads. Later steps are left out.
        commits: The commits that the build lists. A step to another commit of the same number is of another table.
        day: The day that is built.

    Raises:
        StoreError: The lake cannot be read.
    """
    listed = {each.version: each for each in commits if (each.source, each.entity) == (read.source, read.entity)}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = [step for step in _steps(store, read, day, threads) if _is_of(step, listed)]
        are_whole = threads.map(partial(_is_whole, store), found)
        steps = [step for step, is_whole in zip(found, are_whole, strict=True) if is_whole]
    files = (
        FeedFileInput(
            source=read.source,
            entity=read.entity,
            to_version=step.to_version,
            url=store.url(part.key),
            rows=part.rows,
        )
        for step in steps
        for part in step.files
    )
    return tuple(_intervals(steps, read, listed)), tuple(files)


def _steps(store: Store, read: Manifest, day: date, threads: ThreadPoolExecutor) -> Sequence[Step]:
    """Return the steps of the last days up to a commit, the oldest first; without those that cannot be read."""
    from gamelake.feeds.feed import Feed  # with what makes a feed, which readers of marts do not have installed

    first = day - timedelta(days=DAYS - 1)
    begin, _ = bounds_of(first)
    feed = Feed(store, read.table)
    newest_first, found = feed.numbers()[::-1], []
    while newest_first:
        for step in filter(None, threads.map(partial(_read, feed), newest_first[:AT_ONCE])):
            loaded = day_of_partition(step.partition)
            if loaded < format_day(first) and step.committed_at < begin:
                newest_first = []
            elif step.to_version <= read.version and loaded <= format_day(day):
                found.append(step)
        newest_first = newest_first[AT_ONCE:]
    # an earlier day that was loaded again after one of these has what changed since
    return list(dropwhile(lambda step: day_of_partition(step.partition) < format_day(first), found[::-1]))


def _read(feed: Feed, number: int) -> Step | None:
    try:
        return feed.read(number)
    except (FeedError, ObjectNotFoundError) as error:
        log.warning("the marts do not have the changes of a step: %s", error)
        return None


def _is_of(step: Step, listed: dict[int, CommitInput]) -> bool:
    commit = listed.get(step.to_version)
    return commit is None or commit.committed_at == step.committed_at


def _is_whole(store: Store, step: Step) -> bool:
    """Whether a build can read the files of a step: it would fail at one that is lost or damaged."""
    try:
        for part in step.files:
            verify_part(store, part)
    except (ObjectNotFoundError, DamagedPartError) as error:
        log.warning("the marts do not have the changes of version %d; restore the object: %s", step.to_version, error)
        return False
    return True


def _intervals(steps: Sequence[Step], read: Manifest, listed: dict[int, CommitInput]) -> Iterator[FeedStepInput]:
    at: int | None = None
    for step in steps:
        if step.from_version is None:
            if at != step.to_version:
                yield _unknown(step, at, step.to_version, step.reason or "the change feed begins here")
        else:
            if at is not None and at < step.from_version:
                before = listed.get(step.from_version)
                reason = "a step of the change feed is damaged, or lacks a file"
                yield _unknown(before or step, at, step.from_version, reason)
            yield _known(step)
        at = step.to_version
    if at != read.version:
        ends = "there is no change feed of the last days" if at is None else f"the change feed ends at version {at}"
        yield _unknown(read, at, read.version, f"{ends}; the next run of transform makes what is missing")


def _known(step: Step) -> FeedStepInput:
    return FeedStepInput(
        source=step.source,
        entity=step.entity,
        from_version=step.from_version,
        to_version=step.to_version,
        partition=step.partition,
        committed_at=step.committed_at,
        is_known=True,
        created=step.created,
        updated=step.updated,
        deleted=step.deleted,
        reason=step.reason,
    )


def _unknown(
    at: Step | Manifest | CommitInput, from_version: int | None, to_version: int, reason: str
) -> FeedStepInput:
    """Return an interval of which nothing is known; `at` is the commit or the step at its end."""
    return FeedStepInput(
        source=at.source,
        entity=at.entity,
        from_version=from_version,
        to_version=to_version,
        partition=at.partition,
        committed_at=at.committed_at,
        is_known=False,
        created=None,
        updated=None,
        deleted=None,
        reason=reason,
    )

"""Find marts that the pointer names and that are missing, and marts that no reader needs any more."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import DocumentError
from gamelake.lake.findings import RETENTION, Finding, Problem
from gamelake.lake.keys import number_of
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError, verify_part
from gamelake.marts import pointer
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import (
    COPY_OF_PUBLICATION,
    HISTORY,
    INPUTS,
    POINTER,
    PUBLICATIONS,
    RECORD,
    Generation,
    History,
    HistoryDay,
    Publication,
    PublishedMart,
    read,
)
from gamelake.marts.history import day_key
from gamelake.marts.restored import RESTORED
from gamelake.marts.rollback import left_copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from gamelake.lake.store import ObjectInfo, Store

MOVING = timedelta(minutes=10)
"""How long a publication may take to bring the pointer and the copies to what it shows: they differ until then."""

KEEP_PUBLISHED = 10
"""Published generations that are kept at any age: more than the days for which outdated parts are kept."""


def audit_generations(store: Store, *, now: datetime, verify: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with the marts: missing or damaged files of the pointer, and unneeded files.

    A generation older than RETENTION is unneeded, except the KEEP_PUBLISHED newest published ones: when a day is built
    again, its ranks are compared with those of the day before. The generations that a rollback or a roll-forward would
    show are kept too, and the one of the newest publication. A day of the history that no generation lists is unneeded,
    and a copy at a fixed path of a mart that the shown generation has not.
    While the pointer is damaged, all is needed; while a listing is damaged or missing, all days of the history are.
    If readers get another generation meanwhile, it looks again: pointer and copies are then those of another one. Of a
    publication younger than MOVING they are not compared: it may still write them.

    verify: read what readers have and compare hashes, not only sizes.
    Raises:
        StoreError: a request to the store failed.
    """
    last = -1
    found: list[Finding] = []
    while (newest := max(pointer.numbers(store), default=0)) != last:
        last, found = newest, list(_audit(store, now=now, verify=verify))
    yield from found


def _audit(store: Store, *, now: datetime, verify: bool) -> Iterator[Finding]:
    generations: dict[str, list[ObjectInfo]] = defaultdict(list)
    for info in store.list("marts/dt="):
        generations["/".join(info.key.split("/")[:3])].append(info)
    try:
        shown, newest = pointer.current(store), pointer.newest(store)
    except DocumentError as error:
        yield Finding(Problem.DAMAGED, error.key.partition(":")[0], str(error))
        return
    live = {shown.generation} if shown else set()
    present = max(now, datetime.now(UTC))  # the audit began minutes ago, maybe before the publication
    is_moving = newest is not None and present - MOVING < newest.at <= present
    if newest and not is_moving:
        yield from _check_pointer(store, newest, shown.generation if shown else None)
    if lost := pointer.lost(store):
        reason = f"readers have it; `{pointer.repair(store, lost)}`, or the next publication, creates it from its copy"
        yield Finding(Problem.MISSING, pointer.publication_key(lost.number), reason)
    yield from _check_publications(store, now - RETENTION, before=lost.number if lost else None)
    if shown:
        yield from _check_record(store, shown)
        yield from _check_inputs(store, shown)
        for mart in shown.marts:
            yield from _check_named(store, mart, by=POINTER, verify=verify)
        if newest and newest.generation == shown.generation and not is_moving:
            yield from _check_copies(store, shown, pointer.repair(store, newest), verify=verify)
    records = {name for name, files in generations.items() if any(info.key == f"{name}/{RECORD}" for info in files)}
    if shown:
        reason = f"a copy of a mart that {shown.generation} does not have"
        yield from (Finding.orphan(info, reason) for info in left_copies(store, shown, sorted(records)))
    published = {name for name in records if any(f"/{COPY_OF_PUBLICATION}" in info.key for info in generations[name])}
    ages = {generation: max(info.modified for info in files) for generation, files in generations.items()}
    last = pointer.newest_published(store)
    moved = {last.generation, last.replaced} if last else set()
    kept = {*moved, *live, *sorted(records, key=lambda name: (name in published, ages[name]))[-KEEP_PUBLISHED:]}
    kept |= {newest.generation} if newest else set()
    for generation in sorted(generations.keys() - kept):
        if ages[generation] < now - RETENTION:
            for info in generations[generation]:
                reason = (
                    f"its generation is older than {RETENTION.days} days and not of the last {KEEP_PUBLISHED} published"
                )
                yield Finding.orphan(info, reason)
    yield from _check_history(store, generations.keys() | live, finished=records | live, live=live, verify=verify)
    yield from (Finding.orphan(info, "a build that has ended read it") for info in store.list(RESTORED))


def _check_history(
    store: Store, generations: Set[str], *, finished: Set[str], live: Set[str], verify: bool
) -> Iterator[Finding]:
    """Yield what is wrong with the listings of generations and the days of the history.

    Args:
        store: The lake.
        generations: All generations.
        finished: Those of them that have a listing; of another one the build has not ended.
        live: Those of them whose days readers see.
        verify: Read these days and compare hashes.
    """
    listed: set[str] = set()
    are_all_listed = True
    for generation in sorted(generations):
        listing = f"{generation}/{HISTORY}"
        try:
            days = read(store, listing, History).days
        except ObjectNotFoundError:
            if generation in finished:
                yield Finding(Problem.MISSING, listing, f"{generation} is finished, and had it then")
                are_all_listed = False
            continue
        except DocumentError as error:
            yield Finding(Problem.DAMAGED, listing, str(error))
            are_all_listed = False
            continue
        for day in days:
            listed.add(day.key)
            if generation in live:
                yield from _check_named(store, day, by=listing, verify=verify)
    for info in store.list("marts/history/"):
        if are_all_listed and day_key(info.key) not in listed:
            yield Finding.orphan(info, "no generation of the marts lists this day")


def _check_pointer(store: Store, newest: Publication, shown: str | None) -> Iterator[Finding]:
    """Yield a finding if the pointer does not show the newest publication: a writer may have been killed in between."""
    if newest.generation != shown:
        key = pointer.publication_key(newest.number)
        reason = f"{key} shows {newest.generation}, the pointer {shown or 'nothing'}"
        reason += f": `{pointer.repair(store, newest)}` repairs it"
        yield Finding(Problem.DAMAGED if shown else Problem.MISSING, POINTER, reason)


def _check_record(store: Store, shown: Generation) -> Iterator[Finding]:
    """Yield a finding if the document of the shown generation is missing or damaged: the pointer is a copy of it."""
    key = f"{shown.generation}/{RECORD}"
    hint = f"copy {POINTER} to it"
    try:
        pointer.record_of(store, shown.generation)
    except ObjectNotFoundError:
        yield Finding(Problem.MISSING, key, f"readers have this generation; {hint}")
    except DocumentError as error:
        yield Finding(Problem.DAMAGED, key, f"{error.key}: found {error.found!r}; {hint}")


def _check_inputs(store: Store, shown: Generation) -> Iterator[Finding]:
    """Yield a finding if the list of what the shown generation was built from is missing or damaged."""
    key = f"{shown.generation}/{INPUTS}"
    hint = "restore it from a backup, or run the DAG `transform`: the next build has its own"
    try:
        read(store, key, Inputs)
    except ObjectNotFoundError:
        yield Finding(Problem.MISSING, key, f"readers have this generation; {hint}")
    except DocumentError as error:
        yield Finding(Problem.DAMAGED, key, f"{error.key}: found {error.found!r}; {hint}")


def _check_publications(store: Store, since: datetime, *, before: int | None) -> Iterator[Finding]:
    """Yield the publications that are damaged, or missing before another one, until that is a week old.

    before: the number of the newest one, if that is lost: those right before it may be lost with it.
    """
    stored = {number: info for info in store.list(PUBLICATIONS) if (number := number_of(PUBLICATIONS, info.key))}
    hint = "restore it from a backup; without it `make generations` does not show that publication"
    for number, info in sorted(stored.items()):
        if info.modified < since:
            continue
        yield from _missing(stored, number, hint)
        try:
            pointer.publication_of(store, number)
        except ObjectNotFoundError:  # removed since the listing
            yield Finding(Problem.MISSING, info.key, hint)
        except DocumentError as error:
            yield Finding(Problem.DAMAGED, info.key, f"{error.key}: found {error.found!r}; {hint}")
    if before and stored:
        yield from _missing(stored, before, hint)


def _missing(stored: Mapping[int, ObjectInfo], number: int, hint: str) -> Iterator[Finding]:
    """Yield the publications that are missing right before a number; those before the oldest one are not known."""
    last = max((each for each in stored if each < number), default=number - 1)
    for each in range(last + 1, number):
        yield Finding(Problem.MISSING, pointer.publication_key(each), hint)


def _check_copies(store: Store, shown: Generation, command: str, *, verify: bool) -> Iterator[Finding]:
    """Yield the copies at fixed paths that are missing or damaged: readers that follow no pointer have them."""
    for mart in shown.marts:
        copy = msgspec.structs.replace(mart, key=mart.copy)
        yield from _check_named(store, copy, by=f"`{command}` writes it again; {POINTER}", verify=verify)


def _check_named(store: Store, named: PublishedMart | HistoryDay, *, by: str, verify: bool) -> Iterator[Finding]:
    where = f"{by} names it"
    try:
        info = store.info(named.key)
        if info.size != named.bytes:
            reason = f"{where} with {named.bytes} bytes, the store has {info.size}"
            yield Finding(Problem.DAMAGED, named.key, reason, info.size, info.modified)
        elif verify:
            verify_part(store, named)
    except ObjectNotFoundError:
        yield Finding(Problem.MISSING, named.key, where)
    except DamagedPartError as error:
        yield Finding(Problem.DAMAGED, named.key, f"{where}; {error}", named.bytes)

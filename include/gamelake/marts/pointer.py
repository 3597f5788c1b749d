"""Which generation readers have: numbered publications, and the pointer that shows the newest one.

    marts/_publications/00000000000000000042.json   one move of the pointer: created only if absent, never changed
    marts/dt=2026-11-21/<run>/_publication-<number>.json  a copy of it, in the generation that it shows
    marts/_current.json                             the pointer: a copy of _generation.json of the generation shown
    marts/dim_games.parquet                         copies of its files, for readers that follow no pointer
    marts/marketing/mart_top_rated.parquet

A publication, a rollback and a roll-forward each create the next number. Of two writers one succeeds. The other reads
the winner's publication and decides again, so a slow publication of an older day cannot replace a newer one.

The publication decides; pointer and copies follow it. Every writer compares them with the newest publication after it
wrote, and every writer that finds nothing to publish does so too. So a kill between two steps is repaired by the next
one.

The copy is written before the pointer moves. If the newest publication is deleted, the generation that the pointer
shows has its copy: readers keep what they have, and the next writer creates the publication again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import DocumentError
from gamelake.lake.keys import number_of, numbered_key
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import (
    COPY_OF_PUBLICATION,
    INPUTS,
    POINTER,
    PUBLICATIONS,
    RECORD,
    Action,
    Generation,
    Move,
    Publication,
    decode,
    encode,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gamelake.lake.store import ReadableStore, Store

log = logging.getLogger(__name__)

_LOST_RACES = 100


def current(store: ReadableStore) -> Generation | None:
    """Return the generation that readers have, None before the first publication. Raises: DocumentError, StoreError."""
    try:
        return read(store, POINTER, Generation)
    except ObjectNotFoundError:
        return None


def record_of(store: ReadableStore, generation: str) -> Generation:
    """Return the document of a finished generation.

    Raises:
        ObjectNotFoundError: There is none.
        DocumentError: It is damaged.
        StoreError: The store cannot be read.
    """
    return read(store, f"{generation}/{RECORD}", Generation)


def by_day(store: ReadableStore) -> Iterator[Generation]:
    """Yield the generation that readers have, then the one they had of an earlier day, and so on.

    It ends at a generation that is removed: generations are not kept without end. A generation of an earlier day whose
    document is damaged is left out with a warning.

    Raises:
        DocumentError: The pointer is damaged.
        StoreError: The store cannot be read.
    """
    shown = current(store)
    if shown is not None:
        yield shown
        yield from before(store, shown)


def before(store: ReadableStore, shown: Generation) -> Iterator[Generation]:
    """Yield the generations that readers had of earlier days than that of `shown`, as `by_day`."""
    while (found := _first_readable(store, shown.previous)) is not None:
        yield found
        shown = found


def _first_readable(store: ReadableStore, generation: str | None) -> Generation | None:
    """Return the document of a generation; if it is damaged, that of the generation before it, and so on."""
    while generation is not None:
        try:
            return record_of(store, generation)
        except ObjectNotFoundError:
            return None
        except DocumentError as error:
            log.warning("%s is left out: %s", generation, error)
        try:
            generation = read(store, f"{generation}/{INPUTS}", Inputs).run[0].previous
        except (ObjectNotFoundError, DocumentError) as error:
            log.warning("all generations before %s are left out: %s", generation, error)
            return None
    return None


def is_finished(store: ReadableStore, generation: str) -> bool:
    """Return whether a generation has its document: nothing is written into its folder any more. Raises: StoreError."""
    try:
        store.info(f"{generation}/{RECORD}")
    except ObjectNotFoundError:
        return False
    return True


def publication_key(number: int) -> str:
    """Return the key of a publication; keys sort as their numbers do."""
    return numbered_key(PUBLICATIONS, number)


def history(store: Store) -> Iterator[Publication]:
    """Yield the publications, the newest first; each is read when it is asked for.

    A damaged one is left out with a warning; if it is the newest, its copy or the pointer tells what it shows. If the
    newest is lost, its copy stands for it.

    Raises:
        DocumentError: The newest publication and the pointer are damaged.
        StoreError: The store cannot be read.
    """
    if found := lost(store):
        yield found
    yield from _stored(store)


def lost(store: Store) -> Publication | None:
    """Return the copy of the newest publication, if that was deleted; None if it was not.

    Then the pointer shows another generation than the newest one that is left, and has a copy of a higher number.

    Raises: StoreError.
    """
    try:
        shown = current(store)  # before the publications: a writer between the two must not look like a loss
        left = next(_stored(store), None) if shown else None
    except DocumentError:
        return None
    if shown is None or left is None or left.generation == shown.generation:
        return None
    prefix = f"{shown.generation}/{COPY_OF_PUBLICATION}"
    copied = max((number_of(prefix, info.key) or 0 for info in store.list(prefix)), default=0)
    if copied <= left.number:  # a writer was killed before it moved the pointer
        return None
    try:
        store.info(publication_key(copied))
    except ObjectNotFoundError:
        return _copied(store, shown.generation, copied)
    return None


def _copied(store: Store, generation: str, number: int) -> Publication | None:
    """Return the copy of a publication, None if there is none that can be read."""
    with suppress(ObjectNotFoundError, DocumentError):
        return read(store, _copy_key(generation, number), Publication)
    return None


def _copy_key(generation: str, number: int) -> str:
    return numbered_key(f"{generation}/{COPY_OF_PUBLICATION}", number)


def numbers(store: Store, *, after: int = 0) -> list[int]:
    """Return the numbers of the publications after a number, ascending; also of damaged ones. Raises: StoreError."""
    stored = store.list(PUBLICATIONS, after=publication_key(after) if after else "")
    return sorted(number for info in stored if (number := number_of(PUBLICATIONS, info.key)) is not None)


def _stored(store: Store) -> Iterator[Publication]:
    newest_first = numbers(store)[::-1]
    for number in newest_first:
        try:
            yield publication_of(store, number)
        except DocumentError as error:
            log.warning("%s is left out: %s", publication_key(number), error)
            if number == newest_first[0]:
                shown = current(store)
                if shown is None:
                    raise
                yield _copied(store, shown.generation, number) or _stand_in(shown, number=number)


def publication_of(store: Store, number: int) -> Publication:
    """Return the publication of a number. Raises: DocumentError, also if it states another number; StoreError."""
    key = publication_key(number)
    publication = read(store, key, Publication)
    if publication.number != number:
        raise DocumentError(f"{key}: number", publication.number, f"{number}, as in its key")
    return publication


def newest(store: Store) -> Publication | None:
    """Return the publication that decides what is shown, None before the first one. Raises as `history`."""
    for publication in history(store):
        return publication
    shown = current(store)
    return _stand_in(shown, number=0) if shown else None


def newest_published(store: Store) -> Publication | None:
    """Return the newest publication that is no rollback and no roll-forward. Raises as `history`."""
    oldest: Publication | None = None
    for publication in history(store):
        if publication.action is Action.PUBLISH:
            return publication
        oldest = publication
    try:
        shown = record_of(store, oldest.replaced) if oldest and oldest.replaced else current(store)
    except (ObjectNotFoundError, DocumentError):
        return oldest
    return _stand_in(shown, number=0) if shown else None


def difference(store: ReadableStore, publication: Publication) -> str | None:
    """Return how the pointer differs from what a publication shows, None if it does not. Raises: StoreError."""
    try:
        shown = current(store)
    except DocumentError:
        return "is damaged"
    if shown is None:
        return "is missing"
    return None if shown.generation == publication.generation else f"shows {shown.generation}"


def repair(store: Store, publication: Publication) -> str:
    """Return the command that brings the pointer back to the newest publication: a roll-forward would undo a rollback.

    Raises as `history`.
    """
    last = newest_published(store)
    is_rolled_back = last is not None and last.generation != publication.generation
    return f"make rollback TO={publication.generation}" if is_rolled_back else "make rollforward"


def move(store: Store, decide: Callable[[Publication | None], Move | None]) -> Publication | None:
    """Show another generation, as a compare-and-set, and bring the pointer and the copies up to date.

    Args:
        store: The lake.
        decide: Gets the newest publication and returns the move, or None to change nothing. It is called again when
            another writer was faster.

    Returns:
        The new publication, None if nothing was changed.

    Raises:
        StoreError: The store cannot be read or written.
    """
    _create_lost(store)
    for _ in range(_LOST_RACES):
        before = newest(store)
        decided = decide(before)
        if decided is None:
            refresh(store)
            return None
        made = Publication(
            **msgspec.structs.asdict(decided),
            number=before.number + 1 if before else 1,
            at=datetime.now(UTC).replace(microsecond=0),
            replaced=before.generation if before else None,
        )
        try:
            store.put(publication_key(made.number), encode(made), if_absent=True)
        except ObjectExistsError:
            continue
        refresh(store)
        return made
    raise StoreError(
        "publish", PUBLICATIONS, f"no free number within {_LOST_RACES} tries; does another program write there?"
    )


def _create_lost(store: Store) -> None:
    """Create the newest publication again, if it was deleted."""
    if found := lost(store):
        log.warning("%s is lost: it is created again from its copy", publication_key(found.number))
        with suppress(ObjectExistsError):
            store.put(publication_key(found.number), encode(found), if_absent=True)


def refresh(store: Store) -> None:
    """Make the pointer and the copies those of the newest publication.

    Raises:
        DocumentError: Its generation has a damaged document; the pointer and the copies stay.
        StoreError: The store cannot be read or written.
    """
    written = None
    while (publication := next(history(store), None)) is not None and publication.number != written:
        key = f"{publication.generation}/{RECORD}"
        record = store.get(key)
        marts = decode(key, record, Generation).marts  # before it replaces a good pointer
        with suppress(ObjectExistsError):
            store.put(_copy_key(publication.generation, publication.number), encode(publication), if_absent=True)
        store.put(POINTER, record)
        for mart in marts:
            store.copy(mart.key, mart.copy)
        written = publication.number  # a slower writer may have an older one: look again


def _stand_in(shown: Generation, *, number: int) -> Publication:
    """Return what stands for a publication that is lost or damaged, by the pointer."""
    return Publication(
        number=number,
        action=Action.PUBLISH,
        generation=shown.generation,
        day=shown.day,
        at=shown.built_at,
        by=shown.run_id,
        replaced=shown.previous,
    )

"""The generations that a lake has, and commands that show readers another one of them.

    generations(store)                   every finished generation, newest first
    rollback(store, None, by="hana")     show what readers had before the newest publication
    rollback(store, "2026-11-20", ...)   show the newest generation of that day, or the one of a key
    rollforward(store, by="hana")        show the newest publication again

All of them can be repeated: a second call finds nothing to change. What was rolled back to stays until a newer build
publishes, or a roll-forward.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.days import PartitionError, parse_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import place_of
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts import pointer
from gamelake.marts.documents import POINTER, RECORD, Action, Generation, History, Move, Publication, read
from gamelake.marts.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from gamelake.lake.store import ObjectInfo, Store

log = logging.getLogger(__name__)

_LIST = "`make generations` lists the generations"


@dataclass(frozen=True, slots=True)
class ListedGeneration:
    """A finished generation. `publication` is the newest one that showed it, None if none did."""

    document: Generation
    publication: Publication | None
    is_shown: bool


def generations(store: Store) -> list[ListedGeneration]:
    """Return every finished generation whose document is readable, the newest first. Raises: StoreError.

    They are in the order of their first publications: a clock that was set back dates a later build earlier. One that
    was never published stands by its time.
    """
    shown = pointer.newest(store)
    publications = list(pointer.history(store)) or ([shown] if shown else [])
    by_generation: dict[str, Publication] = {}
    first_number: dict[str, int] = {}
    for publication in publications:
        by_generation.setdefault(publication.generation, publication)
        first_number[publication.generation] = publication.number

    def order(document: Generation) -> tuple[int, datetime, str]:
        number = first_number.get(document.generation)
        if number is None:
            number = max((each.number for each in publications if each.at <= document.built_at), default=0)
        return number, document.built_at, document.generation

    documents = sorted(_documents(store), key=order, reverse=True)
    return [
        ListedGeneration(each, by_generation.get(each.generation), bool(shown and shown.generation == each.generation))
        for each in documents
    ]


def rollback(store: Store, target: str | None, *, by: str, reason: str | None = None) -> tuple[Publication, bool]:
    """Show an earlier generation: that of a key or a Korean day; by default what the newest publication replaced.

    Returns: the publication that readers have now, and whether it is a new one.
    Raises: TransformError when there is no such generation or a file of it is missing; StoreError.
    """
    if target is None:
        last = _newest_published(store)
        if last.replaced is None:
            raise TransformError(
                f"{last.generation} is the first generation that was published in {place_of(store)}: readers had none "
                f"before it; {_LIST}"
            )
        target = last.replaced
    return _show(store, find_generation(store, target), Action.ROLLBACK, by, reason)


def rollforward(store: Store, *, by: str, reason: str | None = None) -> tuple[Publication, bool]:
    """Show the newest publication again, after a rollback. Returns and raises as `rollback`."""
    while True:
        target = _newest_published(store).generation

        def is_newest(target: str = target) -> bool:
            return _newest_published(store).generation == target

        now, is_moved = _show(store, find_generation(store, target), Action.ROLLFORWARD, by, reason, is_due=is_newest)
        if is_moved or is_newest():  # else a newer build was published since
            return now, is_moved


def left_copies(store: Store, shown: Generation, others: Iterable[str]) -> list[ObjectInfo]:
    """Return the copies at fixed paths of marts that other generations have, and the shown one has not.

    Nothing writes them again: after an upgrade that added or removed a mart they stay as another build wrote them.
    Raises: StoreError.
    """
    keys: set[str] = set()
    for each in others:
        with suppress(ObjectNotFoundError, DocumentError):
            keys |= {mart.copy for mart in pointer.record_of(store, each).marts}
    found = []
    for key in sorted(keys - {mart.copy for mart in shown.marts}):
        with suppress(ObjectNotFoundError):
            found.append(store.info(key))
    return found


def _show(
    store: Store,
    document: Generation,
    action: Action,
    by: str,
    reason: str | None,
    *,
    is_due: Callable[[], bool] = lambda: True,
) -> tuple[Publication, bool]:
    """Show a generation, once its files are checked; not if it is not due any more then."""
    _check_whole(store, document)

    def decide(shown: Publication | None) -> Move | None:
        if (shown and shown.generation == document.generation) or not is_due():
            return None
        return Move(action=action, generation=document.generation, day=document.day, by=by, reason=reason)

    made = pointer.move(store, decide)
    now = made or pointer.newest(store)
    assert now is not None  # noqa: S101 - something was published, or there would be no document to show
    return now, made is not None


def _newest_published(store: Store) -> Publication:
    last = pointer.newest_published(store)
    if last is None:
        raise TransformError(f"nothing is published yet in {place_of(store)}; run the DAG `transform`, or `make run`")
    return last


def _documents(store: Store) -> Iterator[Generation]:
    for info in store.list("marts/dt="):
        if info.key.endswith(f"/{RECORD}"):
            try:
                yield read(store, info.key, Generation)
            except DocumentError as error:
                log.warning("%s is left out: %s", info.key, error)


def find_generation(store: Store, target: str) -> Generation:
    """Return the document of a generation, given its key or its day. Raises: TransformError."""
    try:
        day = parse_day(target)
    except PartitionError:
        name = target.strip("/")
        try:
            return pointer.record_of(store, name if name.startswith("marts/") else f"marts/{name}")
        except ObjectNotFoundError as error:
            raise TransformError(_why_absent(store, target, error.key)) from None
    found = [each.document for each in generations(store) if each.document.day == day]
    if not found:
        raise TransformError(f"found no finished generation of {day} in {place_of(store)}; {_LIST}")
    return found[0]


def _why_absent(store: Store, target: str, record: str) -> str:
    """Return why there is no generation, given the key of the document that it would have."""
    generation = record.removesuffix(f"/{RECORD}")
    try:
        if any(each.generation == generation for each in pointer.history(store)):
            shown = pointer.current(store)
            copy = f"copy {POINTER} to it, " if shown and shown.generation == generation else ""
            return (
                f"{record} was lost or removed in {place_of(store)}, so {generation} cannot be shown: {copy}restore it "
                f"from a backup, or show another generation: `gamelake marts rollback DAY`; {_LIST}"
            )
    except DocumentError:
        pass
    return f"found no finished generation {target} in {place_of(store)}; {_LIST}"


def _check_whole(store: Store, document: Generation) -> None:
    """Refuse to show a generation of which a file is missing or has another size."""
    files = [(mart.key, mart.bytes) for mart in document.marts]
    wrong = []
    try:
        files += [(day.key, day.bytes) for day in read(store, document.history, History).days]
    except (ObjectNotFoundError, DocumentError):
        wrong.append(document.history)
    for key, size in files:
        try:
            if store.info(key).size != size:
                wrong.append(key)
        except ObjectNotFoundError:
            wrong.append(key)
    if wrong:
        raise TransformError(
            f"{document.generation} cannot be shown: {len(wrong)} of its files are missing or damaged, such as "
            f"{wrong[0]}; {_LIST}"
        )

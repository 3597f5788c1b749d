"""Which generation readers see: numbered publications, and the pointer that shows the newest one.

    marts/_publications/00000000000000000042.json   one move of the pointer: created only if absent, never changed
    marts/_current.json                             the pointer: a copy of _generation.json of the generation shown
    marts/dim_games.parquet                         copies of its files, for readers that follow no pointer
    marts/marketing/mart_top_rated.parquet

A publication, a rollback and a roll-forward each create the next number. Of two writers one succeeds. The other reads
the winner's publication and decides again, so a slow publication of an older day cannot replace a newer one.

The publication decides; pointer and copies follow it. Every writer compares them with the newest publication after it
wrote, and every writer that finds nothing to publish does so too. So a kill between two steps is repaired by the next
one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gamelake.lake.store import ReadableStore, Store

POINTER = "marts/_current.json"
RECORD = "_generation.json"
PUBLICATIONS = "marts/_publications/"
_DIGITS = 20
_LOST_RACES = 100


class Action(StrEnum):
    """Why the pointer moved."""

    PUBLISH = "publish"
    ROLLBACK = "rollback"
    ROLLFORWARD = "rollforward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a writer decides: `generation`, of a Korean `day`, is to be shown. `by` is a run id or a person's login."""

    action: Action
    generation: str
    day: str
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication(Move):
    """One move of the pointer. `replaced` is the generation that was shown before; `at` is UTC.

    Number 0 is not stored: it stands for the pointer of a lake that was published before publications had numbers.
    """

    number: int
    at: str
    replaced: str | None


def current(store: ReadableStore) -> dict[str, Any] | None:
    """Return the pointer's document, or None before the first publication. Raises: StoreError."""
    try:
        document: dict[str, Any] = orjson.loads(store.get(POINTER))
    except ObjectNotFoundError:
        return None
    return document


def record_of(store: ReadableStore, generation: str) -> dict[str, Any]:
    """Return the document of a finished generation.

    Raises:
        ObjectNotFoundError: The generation is not finished, or removed.
        StoreError: The store cannot be read.
    """
    document: dict[str, Any] = orjson.loads(store.get(f"{generation}/{RECORD}"))
    return document


def is_finished(store: ReadableStore, generation: str) -> bool:
    """Whether a generation has its document: then nothing is written into its folder again. Raises: StoreError."""
    try:
        store.info(f"{generation}/{RECORD}")
    except ObjectNotFoundError:
        return False
    return True


def publication_key(number: int) -> str:
    """Where a publication lies; keys sort as their numbers do."""
    return f"{PUBLICATIONS}{number:0{_DIGITS}}.json"


def history(store: Store) -> Iterator[Publication]:
    """Yield the publications, newest first; each is read when it is asked for. Raises: StoreError."""
    for key in sorted((info.key for info in store.list(PUBLICATIONS)), reverse=True):
        yield _read(store, key)


def newest(store: Store) -> Publication | None:
    """Return what decides which generation is shown, or None before the first publication. Raises: StoreError."""
    for publication in history(store):
        return publication
    shown = current(store)
    return _unnumbered(shown) if shown else None


def newest_published(store: Store) -> Publication | None:
    """Return the newest publication that is no rollback and no roll-forward. Raises: StoreError."""
    oldest: Publication | None = None
    for publication in history(store):
        if publication.action is Action.PUBLISH:
            return publication
        oldest = publication
    try:
        shown = record_of(store, oldest.replaced) if oldest and oldest.replaced else current(store)
    except ObjectNotFoundError:
        return oldest
    return _unnumbered(shown) if shown else None


def move(store: Store, decide: Callable[[Publication | None], Move | None]) -> Publication | None:
    """Show another generation, as a compare-and-set, and bring the pointer and the copies up to date.

    Args: `decide` gets the newest publication and returns the move, or None to leave everything as it is. It is called
    again when another writer was faster.
    Returns: the publication that was made, None if there was none.
    Raises: StoreError; what `decide` raises.
    """
    for _ in range(_LOST_RACES):
        before = newest(store)
        wanted = decide(before)
        if wanted is None:
            refresh(store)
            return None
        number = before.number + 1 if before else 1
        made = Publication(
            **{name: getattr(wanted, name) for name in Move.__dataclass_fields__},
            number=number,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            replaced=before.generation if before else None,
        )
        document = orjson.dumps(asdict(made), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            store.put(publication_key(number), document, if_absent=True)
        except ObjectExistsError:
            continue
        refresh(store)
        return made
    raise StoreError(
        "publish", PUBLICATIONS, f"no free number within {_LOST_RACES} tries; does another program write there?"
    )


def refresh(store: Store) -> None:
    """Make the pointer and the copies those of the newest publication. Raises: StoreError."""
    written = None
    while (publication := next(history(store), None)) is not None and publication.number != written:
        record = store.get(f"{publication.generation}/{RECORD}")
        store.put(POINTER, record)
        for mart in orjson.loads(record)["marts"]:
            store.copy(mart["key"], mart["copy"])
        written = publication.number  # a slower writer may have an older one: look again


def _read(store: Store, key: str) -> Publication:
    try:
        document = orjson.loads(store.get(key))
        return Publication(**document | {"action": Action(document["action"])})
    except (orjson.JSONDecodeError, TypeError, KeyError, ValueError) as error:
        raise StoreError("read", key, f"found no publication ({error}); restore the object from a backup") from error


def _unnumbered(shown: Mapping[str, Any]) -> Publication:
    return Publication(
        number=0,
        action=Action.PUBLISH,
        generation=shown["generation"],
        day=shown.get("day", ""),
        at=shown.get("published_at", ""),
        by=shown.get("run_id", ""),
        replaced=shown.get("previous"),
    )

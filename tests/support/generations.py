"""Small generations of the marts, built and published without dbt."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.marts.build_inputs import Inputs, RunInput
from gamelake.marts.documents import (
    HISTORY,
    INPUTS,
    RECORD,
    Generation,
    History,
    HistoryDay,
    PublishedMart,
    encode,
    mart_key,
)
from gamelake.marts.generation import publish
from gamelake.marts.pointer import current

if TYPE_CHECKING:
    from gamelake.lake.store import Store

COPY = "marts/dim_games.parquet"


def document_of(generation: str, *, day: str, **fields: Any) -> Generation:
    """The document of a generation."""
    document = Generation(
        generation=generation,
        previous=None,
        day=date.fromisoformat(day),
        run_id="test",
        built_at=datetime.fromisoformat(f"{day}T04:30:00+09:00"),
        sources={},
        marts=(),
        history=f"{generation}/{HISTORY}",
        days_left_out={},
    )
    return msgspec.structs.replace(document, **fields)


def inputs_of(document: Generation) -> Inputs:
    """What a generation of this document was built from: no table."""
    run = RunInput(day=document.day, run_id=document.run_id, build="test", previous=document.previous)
    empty: dict[str, Any] = dict.fromkeys(
        ("sources", "absent", "files", "claims", "previous", "days", "days_left_out", "commits"), ()
    )
    return Inputs(run=(run,), **empty)


def entry(key: str, day: str = "2026-11-20") -> HistoryDay:
    """The entry of a day in a listing."""
    counts = {"rows": 3, "bytes": 3, "current_rows": 3, "superseded_rows": 0, "voided_rows": 0}
    return HistoryDay(day=date.fromisoformat(day), key=key, sha256="0" * 64, **counts)


def finished(
    store: Store, day: str, run: str = "run", previous: str | None = None, copies: tuple[str, ...] = (COPY,)
) -> str:
    """A generation that is built and not yet shown. Each of its marts names it."""
    generation = f"marts/dt={day}/{run}"
    digest, marts = hashlib.sha256(generation.encode()).hexdigest(), []
    for copy in copies:
        key = mart_key(generation, copy)
        store.put(key, generation.encode())
        name = copy.rpartition("/")[2].removesuffix(".parquet")
        marts.append(PublishedMart(name=name, key=key, copy=copy, rows=1, bytes=len(generation), sha256=digest))
    document = document_of(generation, day=day, run_id=run, previous=previous, marts=tuple(marts))
    store.put(document.history, encode(History(days=(), left_out=())))
    store.put(f"{generation}/{INPUTS}", encode(inputs_of(document)))
    store.put(f"{generation}/{RECORD}", encode(document))
    return generation


def current_generation(store: Store) -> Generation:
    """Return the published generation of marts that have one."""
    document = current(store)
    assert document is not None, "nothing is published"
    return document


def published_key(store: Store) -> str:
    """What the pointer shows, and the copies too."""
    document = current_generation(store)
    assert store.get(COPY).decode() == document.generation
    return document.generation


def published(store: Store, *days: str, run: str = "run") -> list[str]:
    made: list[str] = []
    for day in days:
        made.append(finished(store, day, run=run, previous=made[-1] if made else None))
        assert publish(store, made[-1], {}).is_published
    return made

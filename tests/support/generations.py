"""Small generations of the marts, built and published without dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from gamelake.marts.generation import publish
from gamelake.marts.pointer import RECORD, current

if TYPE_CHECKING:
    from gamelake.lake.store import Store

COPY = "marts/dim_games.parquet"


def finished(store: Store, day: str, run: str = "run", previous: str | None = None) -> str:
    """A generation that is built and not yet shown. Its mart names it."""
    generation = f"marts/dt={day}/{run}"
    key = f"{generation}/dim_games.parquet"
    store.put(key, generation.encode())
    document = {
        "generation": generation,
        "previous": previous,
        "day": day,
        "run_id": run,
        "published_at": f"{day}T04:00:00+09:00",
        "sources": {},
        "marts": [{"name": "dim_games", "key": key, "copy": COPY, "rows": 1, "bytes": len(generation)}],
    }
    store.put(f"{generation}/{RECORD}", orjson.dumps(document))
    return generation


def shown(store: Store) -> str:
    """What the pointer shows, and the copies too."""
    document = current(store)
    assert document is not None
    assert store.get(COPY).decode() == document["generation"]
    return str(document["generation"])


def published(store: Store, *days: str, run: str = "run") -> list[str]:
    made: list[str] = []
    for day in days:
        made.append(finished(store, day, run=run, previous=made[-1] if made else None))
        assert publish(store, made[-1], {})["published"]
    return made

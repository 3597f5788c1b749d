"""Loads of RAWG in tests: with the ledger, from the server of the tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from gamelake.days import day_of, format_day
from gamelake.lake.keys import LoadRun
from gamelake.load.load import Load
from gamelake.registry import load_sources
from gamelake.sources.base import Lake
from gamelake.sources.rawg.ledger import Ledger
from gamelake.sources.rawg.options import RawgOptions
from gamelake.sources.rawg.plan import Plan
from gamelake.sources.rawg.reader import new_reader

if TYPE_CHECKING:
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from rawg.client import RawgClient

ENTITIES = load_sources()["rawg"].entities
LARGE = Plan(requests_per_month=10_000_000)


def game(row_id: int, at: datetime, **fields: Any) -> dict[str, Any]:
    return {"id": row_id, "name": f"Game {row_id}", "updated_at": int(at.timestamp())} | fields


class Served(Protocol):
    """A server of RAWG's API."""

    @property
    def clock(self) -> datetime:
        """Its time."""

    def client(self, **options: Any) -> RawgClient:
        """A client of it."""


async def load(
    rawg: Served,
    store: Store,
    name: str = "games",
    *,
    run_id: str = "run",
    plan: Plan = LARGE,
    keep: bool = False,
    **options: Any,
) -> LoadReport:
    """One load of the day that the server's clock shows, with its requests in the ledger. keep: the replies stay."""
    entity = replace(ENTITIES[name], options={**ENTITIES[name].options, **options})
    run = LoadRun(entity.table, format_day(day_of(rawg.clock)), run_id)
    ledger = Ledger(store, run, plan, RawgOptions.of(entity).priority, clock=lambda: rawg.clock)
    async with rawg.client(before_request=ledger.before_request) as client:
        reader = new_reader(client, entity, Lake(store, run), clock=lambda: rawg.clock)
        report = await Load(reader, store, entity, run).run()
    if not keep:
        reader.replies.delete()
    return report

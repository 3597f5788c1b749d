"""Read an entity of RAWG, for a load: see `gamelake.sources.base`."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gamelake.lake.store import StoreError
from gamelake.sources.rawg.base import utc_now
from gamelake.sources.rawg.by_game import GamesReader
from gamelake.sources.rawg.ledger import Ledger
from gamelake.sources.rawg.lists import ListReader
from gamelake.sources.rawg.options import RawgOptions, Reading
from gamelake.sources.rawg.plan import Plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from gamelake.registry import Entity
    from gamelake.sources.base import Lake
    from gamelake.sources.rawg.base import RawgReader
    from rawg.client import RawgClient

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_reader(connection: str, entity: Entity, lake: Lake) -> AsyncIterator[RawgReader]:
    """Provide the reader of an entity, with a client of an Airflow connection that is open as long as the context."""
    from rawg.hook import RawgHook

    hook = RawgHook(connection)
    settings = await hook.settings()
    plan = Plan(settings.monthly_requests)
    ledger = Ledger(lake.store, lake.run, plan, RawgOptions.of(entity).priority, clock=utc_now)
    async with hook.client(before_request=ledger.before_request) as client:
        reader = new_reader(client, entity, lake)
        yield reader
        try:
            await asyncio.to_thread(reader.replies.delete)
        except StoreError as error:  # the rows are committed
            log.warning("%s: committed, but the replies that it kept stay: %s", entity, error)


def new_reader(
    client: RawgClient, entity: Entity, lake: Lake, *, clock: Callable[[], datetime] = utc_now
) -> RawgReader:
    """Return the reader of an entity. Raises: RegistryError."""
    kinds = {Reading.LIST: ListReader, Reading.CHANGES: ListReader}
    return kinds.get(RawgOptions.of(entity).read, GamesReader)(client, entity, lake, clock=clock)

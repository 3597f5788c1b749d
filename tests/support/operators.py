"""An operator whose work is a function of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apiclient.operator import CancellableOperator
from igdb.hook import IgdbHook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class FunctionOperator(CancellableOperator):
    """Runs `load` with the client of `igdb_default`."""

    def __init__(self, *, load: Callable[[Any, Any], Awaitable[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.load = load

    async def aexecute(self, context: Any) -> Any:
        async with IgdbHook().client() as client:
            return await self.load(client, context)

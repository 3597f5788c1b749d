"""A sandbox of small games for tests in which rows come, change and go while they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gamelake.days import bounds_of
from sandbox.igdb import Sandbox, World
from sandbox.igdb.static import StaticSource
from tests.support.loads import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from sandbox.igdb.evaluate import Evaluator

FIELDS = frozenset({"id", "name", "hypes", "updated_at"})
FILTERED_FIELDS = frozenset({"id", "name", "external_game_source", "updated_at"})


class _NoChurn:
    def turn(self, tables: object, day: date) -> None:
        """A day changes nothing: what does is the test's affair."""


class SteppedWorld(World):
    """A world whose clock stands still but for what a test adds to `seconds`; a day begins at 04:00."""

    seconds = 0

    def clock(self) -> datetime:
        return bounds_of(self.today)[0] + timedelta(hours=4, seconds=self.seconds)


class MovingSandbox(Sandbox):
    """Without limits. Right before each reply `before_reply` may do something to the world, and nothing else meanwhile:
    so a reply agrees with itself, and need not agree with the one before."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        tables = {"games": StaticSource(rows, FIELDS), "external_games": StaticSource((), FILTERED_FIELDS)}
        self.world = SteppedWorld(tables, _NoChurn(), first_day=DAY, today=DAY)
        super().__init__(self.world, requests_per_second=None, max_open_requests=None, latency=0.0)

    def before_reply(self) -> None:
        """Change the world, or leave it."""

    async def in_worker(self, work: Callable[[World, Evaluator], Any]) -> Any:
        def moved(world: World, evaluator: Evaluator) -> Any:
            self.before_reply()
            return work(world, evaluator)

        return await super().in_worker(moved)

    def next_day(self) -> None:
        """Turn to 04:00 of the next day."""
        self.world.seconds = 0
        self.advance(self.today + timedelta(days=1))

"""The sandbox: a world behind IGDB's API on a local port.

sandbox = Sandbox(World.generate(seed=1, games=500, first_day=day, today=day))
with sandbox.running() as url:      # http://127.0.0.1:54321; tokens at /oauth2/token, the API at /v4
    ...
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from gamelake.days import day_of
from sandbox.igdb.api import add_api_routes
from sandbox.igdb.control import add_control_routes
from sandbox.igdb.errors import SandboxError
from sandbox.igdb.evaluate import Evaluator
from sandbox.igdb.faults import FaultRegistry
from sandbox.igdb.limits import MAX_OPEN_REQUESTS, REQUESTS_PER_SECOND, Limiter
from sandbox.igdb.sending import SECONDS_AHEAD, RequestRecord
from sandbox.igdb.tokens import TokenIssuer
from sandbox.igdb.webhook_routes import add_webhook_routes
from sandbox.igdb.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from sandbox.igdb.table import Row
    from sandbox.igdb.world import World

RECORDS_KEPT = 10_000
STAND_IN_HEADER = "X-Stand-In"
"""States to a client that this is not IGDB."""

_CONTROL_BODY_BYTES = 64 * 1024**2
_SECONDS_TO_START = 30.0

_Result = TypeVar("_Result")


class Sandbox:
    """Serves a world; its methods may be called from any thread while it runs.

    requests_per_second, max_open_requests: IGDB's limits; None is no limit. latency: seconds added to each query.
    follow_calendar: advance the world when the real Korean day passes its today.
    """

    def __init__(
        self,
        world: World,
        *,
        client_id: str = "sandbox",
        client_secret: str = "sandbox-secret",  # noqa: S107 - the sandbox keeps no secrets
        requests_per_second: float | None = REQUESTS_PER_SECOND,
        max_open_requests: int | None = MAX_OPEN_REQUESTS,
        latency: float = 0.04,
        follow_calendar: bool = False,
    ) -> None:
        self.faults = FaultRegistry()
        self.tokens = TokenIssuer(client_id, client_secret)
        self.limiter = Limiter(requests_per_second, max_open_requests)
        self.latency = latency
        self.requests_served = 0
        self.more_routes: list[Callable[[web.Application], None]] = []
        """What adds the routes of another API over the same world, before it is served."""
        self._world = world
        self._evaluator = Evaluator()
        self._follow_calendar = follow_calendar
        self._lock = threading.RLock()
        self._records: deque[RequestRecord] = deque(maxlen=RECORDS_KEPT)
        self._worker = ThreadPoolExecutor(1, "sandbox-worker")
        self.webhooks = Webhooks(client_id)
        world.on_change = lambda endpoint, operation, ids: self.webhooks.changed(
            endpoint, operation, ids, world.table(endpoint).row
        )

    @property
    def requests(self) -> list[RequestRecord]:
        """The last RECORDS_KEPT requests, in the order in which they arrived."""
        return list(self._records)

    @property
    def today(self) -> date:
        """The world's Korean day."""
        day: date = self.using(lambda world: world.today)
        return day

    def clock(self) -> datetime:
        """Return the source's clock, in UTC."""
        return self.using(lambda world: world.clock())

    def rows(self, endpoint: str) -> list[Row]:
        """Return every live row, by id. Raises: WorldError."""
        return self.using(lambda world: list(world.rows(endpoint)))

    def upsert(self, endpoint: str, rows: Iterable[Row]) -> int:
        """Write rows as `World.upsert` does. Raises: WorldError."""
        return self.using(lambda world: world.upsert(endpoint, rows))

    def delete(self, endpoint: str, ids: Iterable[int]) -> int:
        """Delete rows, and return how many existed. Raises: WorldError."""
        return self.using(lambda world: world.delete(endpoint, ids))

    def advance(self, to: date) -> None:
        """Turn the world to a later day. Raises: WorldError."""
        self.using(lambda world: world.advance(to))

    def using(self, work: Callable[[World], _Result]) -> _Result:
        """Change the world while no other request does."""
        with self._lock:
            if self._follow_calendar and (real := day_of(datetime.now(UTC))) > self._world.today:
                self._world.advance(real)
            return work(self._world)

    async def in_worker(self, work: Callable[[World, Evaluator], _Result]) -> _Result:
        """Work with the world in the worker thread, so that requests are timed when they arrive."""

        def locked() -> _Result:
            return self.using(lambda world: work(world, self._evaluator))

        return await asyncio.get_running_loop().run_in_executor(self._worker, locked)

    def record(self, record: RequestRecord) -> RequestRecord:
        """Keep a record of a request that arrived."""
        self._records.append(record)
        self.requests_served += 1
        return record

    async def start(self, host: str, port: int) -> tuple[str, web.AppRunner]:
        """Serve in the running event loop; port 0 is any free one. `cleanup()` of the runner ends it.

        Raises: SandboxError when the address cannot be used.
        """
        app = web.Application(client_max_size=_CONTROL_BODY_BYTES)
        add_webhook_routes(app, self)  # before the API's, which take any endpoint
        add_api_routes(app, self)
        add_control_routes(app, self)
        for add in self.more_routes:
            add(app)
        app.on_response_prepare.append(self._stamp)
        app.cleanup_ctx.append(self.webhooks.sending)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            hint = "choose another port"
            if isinstance(error, socket.gaierror):
                hint = "choose another host"
            elif error.errno == errno.EADDRNOTAVAIL:
                hint = "this machine has no such address"
            raise SandboxError(f"cannot serve on {host}:{port}: {error.strerror}; {hint}") from error
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{runner.addresses[0][1]}", runner

    @contextmanager
    def running(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve from another thread, and yield the URL.

        Raises: SandboxError when the address cannot be used.
        """
        started: Future[str] = Future()
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()
        thread = threading.Thread(
            target=loop.run_until_complete, args=(self._serve(host, port, started, stop),), name="sandbox", daemon=True
        )
        thread.start()
        try:
            yield started.result(timeout=_SECONDS_TO_START)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()

    async def _serve(self, host: str, port: int, started: Future[str], stop: asyncio.Event) -> None:
        try:
            url, runner = await self.start(host, port)
        except SandboxError as error:
            started.set_exception(error)
            return
        started.set_result(url)
        await stop.wait()
        await runner.cleanup()

    async def _stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Date replies by the sandbox's clock, and mark them, so that a load sees that this is not IGDB."""
        ahead = timedelta(seconds=request.get(SECONDS_AHEAD, 0.0))
        response.headers[STAND_IN_HEADER] = self._world.name
        response.headers["Date"] = format_datetime(self._world.clock() + ahead, usegmt=True)

    def state(self) -> dict[str, Any]:
        """Return what the control API shows: day, clock, rows per endpoint, requests served."""
        return self.using(
            lambda world: {
                "first_day": world.first_day.isoformat(),
                "today": world.today.isoformat(),
                "clock": world.clock().isoformat(timespec="seconds"),
                "rows": {endpoint: len(table) for endpoint, table in sorted(world.tables.items())},
                "requests": self.requests_served,
            }
        )

"""RAWG's routes below `/api`, beside those of a sandbox of IGDB, over the same games.

rawg = RawgSandbox(Sandbox(World.generate(seed=1, games=500, first_day=day, today=day)))
with rawg.running() as url:         # http://127.0.0.1:54321/api; the key is KEY
    ...
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import orjson
from aiohttp import web

from sandbox.igdb.faults import Fault, FaultKind, FaultRegistry
from sandbox.igdb.replies import Reply
from sandbox.igdb.sending import CLIENT_CLOSED, RequestRecord, send, with_fault
from sandbox.rawg.behaviour import Behaviour
from sandbox.rawg.games import text_of
from sandbox.rawg.numbers import whole_number
from sandbox.rawg.query import BadRangeError, InvalidPageError, filtered, ordered, page_of, page_size
from sandbox.rawg.world import CHANGED, RawgWorld, parent_platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sandbox.igdb.server import Sandbox
    from sandbox.igdb.table import Row
    from sandbox.igdb.world import World

KEY = "rawg-sandbox-key"
PATH = "/api"

_RECORDS_KEPT = 10_000
_REFERENCE_LISTS = {"genres", "platforms", "stores", "developers", "publishers", "tags"}
_NO_KEY = {"error": "The key parameter is not provided"}
_UNKNOWN_KEY = {"error": "The API key is not found"}
_SPENT = {"error": "The monthly API limit reached"}
_INVALID_PAGE = {"detail": "Invalid page."}
_NOT_FOUND = {"detail": "Not found."}
_INTERNAL = ("updated_at", "created_at")

_Result = TypeVar("_Result")


class RawgSandbox:
    """Serves a RAWG over the games of a sandbox of IGDB; its methods may be called from any thread while it runs.

    Args:
        igdb: The sandbox whose world, clock and port it shares.
        key: The key that it takes.
        behaviour: What it does where the real one is not known for sure; may be replaced while it runs.
        seed: The same seed makes the same ids, names and figures.
        changed: The share of the games that a day changes.
    """

    def __init__(
        self,
        igdb: Sandbox,
        *,
        key: str = KEY,
        behaviour: Behaviour | None = None,
        seed: int = 1,
        changed: float = CHANGED,
    ) -> None:
        self.igdb = igdb
        self.key = key
        self.behaviour = behaviour or Behaviour()
        self.faults = FaultRegistry()
        self.latency = igdb.latency
        self.requests_served = 0
        self.used: Counter[str] = Counter()
        """The requests that were taken from the quota, by month, such as `2026-11`."""
        self._records: deque[RequestRecord] = deque(maxlen=_RECORDS_KEPT)
        self._seed, self._changed = seed, changed
        self._world: RawgWorld | None = None
        igdb.more_routes.append(self._add_routes)

    @contextmanager
    def running(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve both APIs from another thread, and yield the base URL of this one. Raises: SandboxError."""
        with self.igdb.running(host, port) as url:
            yield f"{url}{PATH}"

    @property
    def requests(self) -> list[RequestRecord]:
        """The last 10,000 requests, in the order in which they arrived; `query` has no key."""
        return list(self._records)

    def using(self, work: Callable[[RawgWorld], _Result]) -> _Result:
        """Ask or change the world while no other request does."""
        return self.igdb.using(lambda igdb: work(self._following(igdb)))

    def truth(self) -> dict[int, int]:
        """Return which games of IGDB the games of RAWG are, by RAWG's id."""
        return self.using(lambda world: world.truth())

    def rows(self, name: str) -> list[Row]:
        """Return every live row of `games` or a reference list. Raises: WorldError."""
        return self.using(lambda world: list(world.games() if name == "games" else world.rows(name)))

    def upsert(self, name: str, rows: Iterable[Row]) -> int:
        """Write rows as `RawgWorld.upsert` does. Raises: WorldError."""
        return self.using(lambda world: world.upsert(name, rows))

    def delete(self, name: str, ids: Iterable[int]) -> int:
        """Delete rows, and return how many existed. Raises: WorldError."""
        return self.using(lambda world: world.delete(name, ids))

    def _following(self, igdb: World) -> RawgWorld:
        if self._world is None:  # only now: a RAWG without requests costs nothing
            self._world = RawgWorld(igdb, seed=self._seed, changed=self._changed)
        self._world.follow()
        return self._world

    def _add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{PATH}/{{path:.*}}", self._handle)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"].strip("/")
        asked = {name: value for name, value in request.query.items() if name != "key"}
        record = RequestRecord(time.monotonic(), path, query=urlencode(asked, safe=",."))
        self._records.append(record)
        self.requests_served += 1
        salt = self.requests_served
        fault = self.faults.take(path, record.query)
        try:
            await asyncio.sleep(self.latency)
            question = _Asked(path, asked, request.query.get("key", ""), str(request.url.with_query(None)), salt, fault)
            reply = await self.igdb.in_worker(lambda igdb, _evaluator: self._answer(self._following(igdb), question))
            return await send(request, await with_fault(reply, fault), record, fault)
        finally:
            record.seconds = time.monotonic() - record.started
            record.status = record.status or CLIENT_CLOSED

    def _answer(self, world: RawgWorld, asked: _Asked) -> Reply:
        """Return the reply to a request, and take it from the quota."""
        behaviour = self.behaviour
        if asked.key != self.key:
            return _json(401, _UNKNOWN_KEY if asked.key else _NO_KEY)
        counted = behaviour.counts_stores or not (asked.parts[0] == "games" and len(asked.parts) > 2)
        month = f"{world.igdb.clock():%Y-%m}"
        if counted and behaviour.monthly_requests is not None and self.used[month] >= behaviour.monthly_requests:
            return _json(behaviour.quota_status, _SPENT)
        reply = _fault_reply(asked.fault) or self._found(world, asked)
        if counted and (reply.status < 400 or behaviour.counts_failures):
            self.used[month] += 1
        return reply

    def _found(self, world: RawgWorld, asked: _Asked) -> Reply:
        if self.behaviour.refuses_large_pages and _is_large(asked.query, self.behaviour):
            return _json(400, {"detail": f"page_size: expected at most {self.behaviour.max_page_size}"})
        try:
            if (rows := self._list(world, asked)) is not None:
                return self._page(rows, asked)
            if (row := self._object(world, asked)) is not None:
                return _json(200, row)
        except InvalidPageError:
            return _json(404, _INVALID_PAGE)
        except BadRangeError:
            return _json(400, {"detail": "Invalid range."})
        except KeyError:
            pass
        return _json(404, _NOT_FOUND)

    def _list(self, world: RawgWorld, asked: _Asked) -> list[Row] | None:
        """Return the rows of a list, in their order; None if the path is no list. Raises: KeyError, BadRangeError."""
        if asked.path == "games":
            rows = filtered(world, asked.query, self.behaviour)
            return ordered(rows, asked.query.get("ordering", ""), self.behaviour, asked.salt)
        if asked.path in _REFERENCE_LISTS:
            return world.rows(asked.path)
        if asked.path == "platforms/lists/parents":
            return parent_platforms()
        if asked.parts[0] == "games" and asked.parts[2:] == ["stores"]:
            return world.stores_of(world.game_of(asked.parts[1]))
        return None

    def _object(self, world: RawgWorld, asked: _Asked) -> Row | None:
        """Return one object; None if the path is none. Raises: KeyError."""
        if len(asked.parts) != 2:
            return None
        kind, key = asked.parts
        if kind == "games":
            return _shown(world.details(world.game_of(key)), self.behaviour, with_updated=True)
        if kind not in _REFERENCE_LISTS:
            return None
        found = next((row for row in world.rows(kind) if key in (str(row["id"]), row["slug"])), None)
        return found and found | {"description": ""}

    def _page(self, rows: list[Row], asked: _Asked) -> Reply:
        page, following, previous = page_of(rows, asked.query, self.behaviour)
        if asked.path == "games":
            page = [_shown(row, self.behaviour, with_updated=self.behaviour.updated_in_lists) for row in page]
        count, fault = len(rows), asked.fault
        if fault and fault.kind == FaultKind.HIDE_ROWS:
            page = [row for row in page if row["id"] not in fault.row_ids]
        if fault and fault.kind == FaultKind.DROP_ROW:
            page = page[:-1]
        if fault and fault.kind == FaultKind.UNCOUNTED_ROWS:
            count -= len(fault.row_ids)

        def link(number: int | None) -> str | None:
            if number is None:
                return None
            query = dict(asked.query) | {"page": str(number)}
            if self.behaviour.keys_in_links:
                query["key"] = self.key
            return f"{asked.url}?{urlencode(query, safe=',.')}"

        return _json(200, {"count": count, "next": link(following), "previous": link(previous), "results": page})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request. `salt` is its number, which orders what is equal in the order asked for."""

    path: str
    query: Mapping[str, str]
    key: str
    url: str
    salt: int
    fault: Fault | None

    @property
    def parts(self) -> list[str]:
        return self.path.split("/")


def _fault_reply(fault: Fault | None) -> Reply | None:
    if fault is None or fault.kind != FaultKind.STATUS:
        return None
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.status == 401:
        return replace(_json(401, _SPENT), headers=headers)
    return Reply(fault.status, b"<html><h1>Error</h1></html>", "text/html", headers)


def _is_large(query: Mapping[str, str], behaviour: Behaviour) -> bool:
    return (whole_number(query.get("page_size", "")) or 0) > page_size(query, behaviour)


def _shown(row: Row, behaviour: Behaviour, *, with_updated: bool) -> Row:
    hidden = _INTERNAL if with_updated else (*_INTERNAL, "updated")
    shown = {name: value for name, value in row.items() if name not in hidden}
    return shown | {"updated": text_of(row["updated_at"], behaviour.updated_zone)} if with_updated else shown


def _json(status: int, document: object) -> Reply:
    return Reply(status, orjson.dumps(document))

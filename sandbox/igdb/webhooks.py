"""Webhooks: who is registered, and events for each change of the world's rows.

An event is sent once for a change, to the active webhook of its endpoint and operation, with 15 seconds for the
answer. Five failures turn a webhook off. What IGDB does beyond that is documented nowhere: `Behaviour` switches it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from sandbox.igdb.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from aiohttp import web

    from sandbox.igdb.table import Row

METHODS = ("create", "update", "delete")
SECONDS = 15.0
FAILURES = 5


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What IGDB does not document.

    Attributes:
        at_once: Events that are sent at the same time.
        duplicates: The share of events that are sent twice.
        is_shuffled: Whether events are sent in any order.
        retries: How often a failed event is sent again.
        in_a_row: Whether only failures in a row turn a webhook off; otherwise all count.
        text_ids: Whether the id of a delete is a text, as in the documentation's sample.
    """

    at_once: int = 4
    duplicates: float = 0.0
    is_shuffled: bool = False
    retries: int = 0
    in_a_row: bool = False
    text_ids: bool = True


@dataclass(slots=True)
class Webhook:
    """A registered webhook."""

    id: int
    endpoint: str
    method: str
    category: int
    url: str
    secret: str
    created_at: int
    updated_at: int
    active: bool = True
    failures: int = 0

    def shown(self, client_id: str) -> dict[str, Any]:
        """Return it as the API does: with the secret."""
        return {
            "id": self.id,
            "url": self.url,
            "category": self.category,
            "sub_category": METHODS.index(self.method),
            "active": self.active,
            "api_key": client_id,
            "secret": self.secret,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(slots=True)
class _Event:
    webhook_id: int
    body: bytes
    tries: int = 0


class Webhooks:
    """The webhooks of one client, and the events that wait to be sent. Its methods may be called from any thread."""

    def __init__(self, client_id: str) -> None:
        self.behaviour = Behaviour()
        self._client_id = client_id
        self._hooks: dict[int, Webhook] = {}
        self._categories: dict[str, int] = {}
        self._last = 0
        self._waiting: deque[_Event] = deque()
        self._underway = self._sent = self._failed = 0
        self._chance = random.Random(7)  # noqa: S311 - a made-up world, not a secret
        self._loop: asyncio.AbstractEventLoop | None = None
        self._more: asyncio.Event | None = None

    def register(self, endpoint: str, method: str, url: str, secret: str) -> dict[str, Any]:
        """Register a webhook; with the same endpoint and method the one that is there is replaced, and active again."""
        now = int(time.time())
        found = next(
            (each for each in self._hooks.values() if (each.endpoint, each.method) == (endpoint, method)), None
        )
        if found is None:
            self._last += 1
            category = self._categories.setdefault(endpoint, len(self._categories) + 1)
            found = Webhook(self._last, endpoint, method, category, url, secret, now, now)
            self._hooks[found.id] = found
        found.url, found.secret, found.updated_at, found.active, found.failures = url, secret, now, True, 0
        return found.shown(self._client_id)

    def all(self) -> list[dict[str, Any]]:
        """Return every webhook."""
        return [each.shown(self._client_id) for each in self._hooks.values()]

    def one(self, webhook_id: int) -> dict[str, Any] | None:
        """Return a webhook, None if there is none of that id."""
        found = self._hooks.get(webhook_id)
        return found.shown(self._client_id) if found else None

    def remove(self, webhook_id: int) -> dict[str, Any] | None:
        """Remove a webhook, and return it."""
        found = self._hooks.pop(webhook_id, None)
        return found.shown(self._client_id) if found else None

    def changed(self, endpoint: str, operation: str, ids: Sequence[int], row: Callable[[int], Row]) -> None:
        """Send events of rows that changed. `row` returns a row as it is now."""
        for hook in list(self._hooks.values()):
            if hook.active and (hook.endpoint, hook.method) == (endpoint, operation):
                self._send([_Event(hook.id, self._body(operation, row_id, row)) for row_id in ids])

    def test(self, webhook_id: int, endpoint: str, row_id: int, row: Callable[[int], Row]) -> bool:
        """Send one row to a webhook. Returns: False if it is not of this endpoint."""
        found = self._hooks.get(webhook_id)
        if found is None or found.endpoint != endpoint:
            return False
        self._send([_Event(found.id, self._body(found.method, row_id, row))])
        return True

    def behave(self, changes: Mapping[str, Any]) -> None:
        """Change the behaviour. Raises: SandboxError."""
        for name, value in changes.items():
            expected = type(getattr(Behaviour(), name))
            if type(value) is not expected and not (expected is float and type(value) is int):
                raise SandboxError(f"{name}: found {value!r}, expected such as {getattr(Behaviour(), name)!r}")
        self.behaviour = replace(self.behaviour, **changes)

    def state(self) -> dict[str, Any]:
        """Return what the control API shows; no secret."""
        hooks = [{**asdict(each), "secret": "***"} for each in self._hooks.values()]
        figures = {"sent": self._sent, "failed": self._failed, "waiting": len(self._waiting) + self._underway}
        return {"behaviour": asdict(self.behaviour), "webhooks": hooks, **figures}

    async def sending(self, _app: web.Application) -> AsyncIterator[None]:
        """Send events for as long as the application runs."""
        self._loop, self._more = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.create_task(self._deliver())
        yield
        self._loop = None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _body(self, operation: str, row_id: int, row: Callable[[int], Row]) -> bytes:
        if operation == "delete":
            return orjson.dumps({"id": str(row_id) if self.behaviour.text_ids else row_id})
        return orjson.dumps(row(row_id))

    def _send(self, events: list[_Event]) -> None:
        copies = [replace(each) for each in events if self._chance.random() < self.behaviour.duplicates]
        events = [*events, *copies]
        if self.behaviour.is_shuffled:
            self._chance.shuffle(events)
        self._waiting += events
        if self._loop and self._more:
            self._loop.call_soon_threadsafe(self._more.set)

    async def _deliver(self) -> None:
        assert self._more  # noqa: S101 - `sending` made it
        tasks: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SECONDS), trust_env=False) as session:
            while True:
                while self._waiting and len(tasks) < self.behaviour.at_once:
                    self._underway += 1
                    tasks.add(asyncio.create_task(self._post(session, self._waiting.popleft())))
                if tasks:
                    _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    continue
                self._more.clear()
                if not self._waiting:
                    await self._more.wait()

    async def _post(self, session: aiohttp.ClientSession, event: _Event) -> None:
        try:
            hook = self._hooks.get(event.webhook_id)
            if hook is None or not hook.active:
                self._failed += 1
                return
            headers = {"X-Secret": hook.secret, "Content-Type": "application/json", "User-Agent": "sandbox-webhooks"}
            try:
                async with session.post(hook.url, data=event.body, headers=headers, allow_redirects=False) as reply:
                    succeeded = reply.status == 200
            except (aiohttp.ClientError, TimeoutError):
                succeeded = False
            if succeeded:
                self._sent += 1
                hook.failures = 0 if self.behaviour.in_a_row else hook.failures
                return
            hook.failures += 1
            hook.active = hook.failures < FAILURES
            if event.tries < self.behaviour.retries:
                event.tries += 1
                self._waiting.append(event)
            else:
                self._failed += 1
        finally:
            self._underway -= 1

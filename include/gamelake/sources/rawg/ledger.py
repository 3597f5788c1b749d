"""The ledger of a key's requests: each request is a numbered object of its month, created before it is sent.

    raw/rawg/_quota/2026-11/00000000000000000042.json      request 42 of November

An object is created only if it is absent. So of two loads that want the same number one gets it, and the other takes
the next one: together they never send more than the plan allows. The number is the count of the month, and each object
has the counts of its day. A load that is killed leaves the requests that it sent in the ledger.

A damaged entry stops no load: its number counts, as a request of the day on which its object was last written.

No object of a running month may be deleted: its number would be given out again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.keys import RAW, number_of, numbered_key
from gamelake.lake.store import ObjectExistsError
from gamelake.sources.rawg.plan import Plan, Priority, Used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import ObjectInfo, Store

log = logging.getLogger(__name__)

PREFIX = f"{RAW}rawg/_quota/"
"""The start of the ledger's keys."""

_DAMAGED = "(damaged entries)"
_LOST_RACES = 1000


_RESTORE = "; entries never change: restore the object from a backup or the bucket's versions"


class LedgerError(DocumentError):
    """An entry of the ledger has an invalid value."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and the counts of its day up to it."""

    number: Annotated[int, Meta(ge=1, description="Its place in the month: so many requests were sent.")]
    at: Annotated[datetime, Meta(tz=True, description="When it was reserved, UTC.")]
    entity: Annotated[str, Meta(description="The entity whose load sends it.")]
    run_id: Annotated[str, Meta(description="The run of that load.")]
    nonce: Annotated[str, Meta(description="Differs in every entry: the same bytes would count as the same object.")]
    day: Annotated[
        dict[str, Annotated[int, Meta(ge=0)]],
        Meta(description="The requests of the day (UTC) by entity, this one included."),
    ]

    @classmethod
    def from_json(cls, key: str, data: bytes) -> Entry:
        """Read the entry of a key.

        Raises:
            LedgerError: It is none, or that of another key.
        """
        try:
            entry = convert(parse_json(data, LedgerError), cls, LedgerError)
        except LedgerError as error:
            raise LedgerError(f"{key}: {error.key}", error.found, f"{error.expected}{_RESTORE}") from error
        own = numbered_key(month_prefix(entry.at.astimezone(UTC)), entry.number)
        if own != key:
            raise LedgerError(key, own, f"the entry of this key{_RESTORE}")
        return entry


class Ledger:
    """Reserves the requests of one load.

    Args:
        store: Where the lake is.
        run: The run that sends the requests.
        plan: How many the key may send.
        priority: Of the load.
        clock: The present, UTC.
    """

    def __init__(
        self, store: Store, run: LoadRun, plan: Plan, priority: Priority, *, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._run = run
        self._plan = plan
        self._priority = priority
        self._clock = clock
        self._newest: Entry | None = None

    async def before_request(self) -> None:
        """Reserve one request, without blocking the event loop. Raises as `reserve`."""
        await asyncio.to_thread(self.reserve)

    def reserve(self) -> None:
        """Reserve one request, which may then be sent.

        Raises:
            NoRequestLeftError: The plan has none left.
            LedgerError: Other loads took every number that was tried.
            StoreError: The ledger cannot be read or written.
        """
        for _ in range(_LOST_RACES):
            now = self._clock()
            newest = self._newest = self._latest(now)
            if newest:
                now = max(now, newest.at)  # a clock that is behind another's begins no day again
            today = dict(newest.day) if newest and newest.at.date() == now.date() else {}
            number = newest.number if newest else 0
            entity = self._run.table.entity
            used = Used(number, sum(today.values()), today.get(entity, 0))
            self._plan.check(now.date(), used, self._priority)
            entry = Entry(
                number=number + 1,
                at=now,
                entity=entity,
                run_id=self._run.run_id,
                nonce=uuid.uuid4().hex,
                day=today | {entity: used.own + 1},
            )
            try:
                self._store.put(
                    numbered_key(month_prefix(now), entry.number), msgspec.json.encode(entry), if_absent=True
                )
            except ObjectExistsError:
                self._newest = None  # another load was faster
                continue
            self._newest = entry
            return
        raise LedgerError("number", month_prefix(now), f"a free number within {_LOST_RACES} tries")

    def _latest(self, now: datetime) -> Entry | None:
        known = self._newest
        if known and month_prefix(known.at) == month_prefix(now):
            return known
        return newest_entry(self._store, now)


def month_prefix(moment: datetime) -> str:
    """Return the start of the keys of a month's entries."""
    return f"{PREFIX}{moment:%Y-%m}/"


def newest_entry(store: Store, moment: datetime) -> Entry | None:
    """Return the newest entry of the month of a moment, None before the first one. Raises: StoreError.

    Where the newest ones are damaged, it is one that states no more than their objects do: number and time.
    """
    prefix = month_prefix(moment)
    numbered = [(number, info) for info in store.list(prefix) if (number := number_of(prefix, info.key)) is not None]
    damaged: list[ObjectInfo] = []
    newest = None
    for _, info in reversed(numbered):
        try:
            newest = _read(store, info.key)
            break
        except LedgerError as error:
            log.warning("The request counts, and the load goes on: %s", error)
            damaged.append(info)
    return _counting(newest, damaged, numbered[-1][0], moment) if damaged else newest


def _counting(known: Entry | None, damaged: list[ObjectInfo], number: int, moment: datetime) -> Entry:
    """Return the entry of a number whose object is damaged, as those after the newest known one are.

    An object is never older than its entry. So a request counts on its own day or a later one, of which less is left.
    """
    first = known.at if known else moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    times = [max(first, min(info.modified, moment)) for info in damaged]
    newest = max(times)
    day = dict(known.day) if known and known.at.date() == newest.date() else {}
    day[_DAMAGED] = day.get(_DAMAGED, 0) + sum(at.date() == newest.date() for at in times)
    return Entry(number=number, at=newest, entity=_DAMAGED, run_id="", nonce="", day=day)


def entries(store: Store, moment: datetime) -> Iterator[Entry]:
    """Yield the entries of the month of a moment, oldest first. Raises: LedgerError, StoreError."""
    prefix = month_prefix(moment)
    for info in store.list(prefix):
        if number_of(prefix, info.key) is not None:
            yield _read(store, info.key)


def _read(store: Store, key: str) -> Entry:
    return Entry.from_json(key, store.get(key))

"""The sign of life of a capture: an object that it writes again and again while it reads the database.

    inbox/shop.json     {"at": "2026-11-30T02:00:00Z", "database": "…", "slot": "gamelake_shop", "ended": false}

A quiet database has no changes, so that its inbox does not tell whether the capture still reads it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.inbox import INBOX
from gamelake.lake.store import ObjectNotFoundError

if TYPE_CHECKING:
    from gamelake.lake.store import ReadableStore, Store

EVERY = timedelta(minutes=10)
"""How often a capture gives a sign."""


class CaptureSign(msgspec.Struct, frozen=True, kw_only=True):
    """When a capture read the database last, and which capture it is.

    Attributes:
        at: The moment, with its time zone.
        database: The database, and its server by its system identifier.
        slot: Its replication slot.
        ended: Whether it ended in order.
    """

    at: datetime
    database: str
    slot: str
    ended: bool = False


def key_of(source: str) -> str:
    """Return the key of a source's sign."""
    return f"{INBOX}{source}.json"


def write_sign(store: Store, source: str, sign: CaptureSign) -> None:
    """Write a sign in place of the one before. Raises: StoreError."""
    store.put(key_of(source), msgspec.json.encode(sign) + b"\n")


def read_sign(store: ReadableStore, source: str) -> CaptureSign | None:
    """Return the newest sign; None if there is none that can be read. Raises: StoreError."""
    try:
        return msgspec.json.decode(store.get(key_of(source)), type=CaptureSign)
    except (ObjectNotFoundError, msgspec.DecodeError):
        return None

"""Numbers that look random and follow from what they are about: the same world every time, in any order of asking."""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import TYPE_CHECKING

from gamelake.days import bounds_of

if TYPE_CHECKING:
    from datetime import date

_SHORTS = struct.Struct("<32H")
_CHURN_SECONDS = 60

FULL = 65536
"""Draws are whole numbers below this."""


def key_of(seed: int, purpose: str) -> bytes:
    """Return the key that keeps one kind of draws apart from another."""
    return blake2b(f"{seed}:{purpose}".encode(), digest_size=32).digest()


def digest_of(key: bytes, row_id: int, day: int = 0) -> bytes:
    """Return 64 bytes about a row, or about a row on a day (its proleptic ordinal)."""
    return blake2b(b"%d:%d" % (row_id, day), key=key).digest()


def draws(digest: bytes) -> tuple[int, ...]:
    """Return 32 numbers from 0 up to FULL."""
    return _SHORTS.unpack(digest)


def checksum(digest: bytes) -> str:
    """Return a uuid as IGDB's `checksum` shows it."""
    text = digest[:16].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def midnight(day: date) -> int:
    """Return the first second of a Korean day, in unix seconds."""
    return int(bounds_of(day)[0].timestamp())


def churn_second(row_id: int, day: date) -> int:
    """Return when a row changes on a day: within its first minute, so that no clock of that day is behind it."""
    return midnight(day) + row_id * 7919 % _CHURN_SECONDS

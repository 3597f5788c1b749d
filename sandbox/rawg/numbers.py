"""Numbers in a request."""

from __future__ import annotations

_DIGITS = 18
_LARGE = 10**_DIGITS


def whole_number(text: str) -> int | None:
    """Return a number from 0, None if a text is none; one with more digits than any id or page has is a large one."""
    if not text.isdecimal():
        return None
    return int(text) if len(text) <= _DIGITS else _LARGE

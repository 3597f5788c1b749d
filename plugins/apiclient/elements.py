"""Find the elements of a JSON array that no parser accepts, so that one bad row costs one row. Pure.

Parsers refuse a whole reply for one wrong byte. This scanner looks at brackets, commas and strings only, so that it
needs no valid UTF-8, no valid numbers and no recursion. It is slow, and runs on bad replies only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},:]', re.DOTALL)
_BLANK = b" \t\r\n"
_CLOSING = {b"[": b"]", b"{": b"}"}


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """An element of a reply that is no JSON, or that no reader accepts: its bytes as sent, and the reason.

    row_id: the id that the bytes show, None if they show none.
    """

    raw: bytes
    reason: str

    @property
    def row_id(self) -> int | None:
        """The value of the row's own key `id`."""
        try:
            found = next((value for key, value in members(self.raw) if key == b'"id"'), b"")
        except ValueError:
            return None
        return int(found) if found.isdigit() and len(found) <= 18 else None


def elements(array: bytes) -> list[bytes]:
    """Return the elements of a JSON array, each as its bytes.

    Raises: ValueError, if it is no array from its first byte to its last.
    """
    parts = [array[start:end].strip(_BLANK) for start, end, _ in _parts(array, b"[")]
    if parts == [b""]:
        return []
    if b"" in parts:
        raise ValueError("an element is missing between two commas")
    return parts


def members(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the members of a JSON object: each key with its quotes, and the bytes of its value.

    Raises: ValueError, if it is no object from its first byte to its last.
    """
    for start, end, colon in _parts(text, b"{"):
        if colon is not None:
            yield text[start:colon].strip(_BLANK), text[colon + 1 : end].strip(_BLANK)
        elif text[start:end].strip(_BLANK):
            raise ValueError("a member has no value")


def _parts(text: bytes, opening: bytes) -> Iterator[tuple[int, int, int | None]]:
    """Yield what lies between the outermost commas: its start, its end, and where its first outermost colon is."""
    first = len(text) - len(text.lstrip(_BLANK))
    last = len(text.rstrip(_BLANK))
    if text[first : first + 1] != opening:
        raise ValueError(f"it does not begin with {opening.decode()}")  # without the text: it may not be the API's
    closings: list[bytes] = []
    start, colon = first + 1, None
    for token in _TOKEN.finditer(text, first, last):
        found = token.group() if token.end() - token.start() == 1 else b""
        if found in _CLOSING:
            closings.append(_CLOSING[found])
        elif found in {b"]", b"}"}:
            if not closings or closings.pop() != found:
                raise ValueError(f"byte {token.start()}: found {found.decode()} without its other end")
            if not closings:
                if token.end() != last:
                    raise ValueError(f"byte {token.end()}: found more after the end")
                yield start, token.start(), colon
                return
        elif found == b'"':
            raise ValueError(f"byte {token.start()}: a string does not end")
        elif len(closings) == 1 and found == b",":
            yield start, token.start(), colon
            start, colon = token.end(), None
        elif len(closings) == 1 and found == b":" and colon is None:
            colon = token.start()
    raise ValueError("it does not end")

"""When each row of a table last changed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BITS = 8
_ROWS = 1 << _BITS
_UNKNOWN = -(2**63)
_EMPTY = array("q", [_UNKNOWN]) * _ROWS


class UpdateTimes:
    """The `updated_at` (unix seconds) of each row by its id: 8 bytes a row, in blocks of 256 ids."""

    def __init__(self) -> None:
        self._blocks: dict[int, array[int]] = {}

    def __getitem__(self, row_id: int) -> int | None:
        """None: there is no such row, or it has no `updated_at`."""
        block = self._blocks.get(row_id >> _BITS, _EMPTY)
        at = block[row_id % _ROWS]
        return None if at == _UNKNOWN else at

    def noting(self, rows: Iterable[tuple[int, int | None]]) -> Iterator[int]:
        """Yield the ids of rows as they pass; the last time of an id counts."""
        blocks = self._blocks
        for row_id, at in rows:
            number = row_id >> _BITS
            block = blocks.get(number)
            if block is None:
                block = blocks[number] = _EMPTY[:]
            block[row_id % _ROWS] = _UNKNOWN if at is None else at
            yield row_id

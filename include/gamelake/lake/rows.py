"""The rows of a table: what its parts hold, and the ids that are live once claims and newest-wins are applied."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeVar

import msgspec
from isal import igzip
from isal.igzip_lib import IsalError

from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gamelake.lake.manifest import File, Manifest
    from gamelake.lake.store import Store
    from gamelake.lake.update_times import UpdateTimes

_Row = TypeVar("_Row")
_SPAN_BITS = 16
_SPAN = 1 << _SPAN_BITS
_SPAN_BYTES = _SPAN // 8
_CHUNK = 1024 * 1024
_BITS_OF = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


class _HasId(msgspec.Struct):
    id: int


class _Changed(msgspec.Struct):
    id: int
    updated_at: int | None = None


_ID = msgspec.json.Decoder(_HasId)
_CHANGED = msgspec.json.Decoder(_Changed)


class LiveIds:
    """A set of ids, 0 and up, one bit each: 8 KB for every span of 65,536 ids in which there is one.

    A million ids need some 130 KB, however they came.
    """

    def __init__(self) -> None:
        self._spans: dict[int, bytearray] = {}

    def __contains__(self, row_id: int) -> bool:
        span = self._spans.get(row_id >> _SPAN_BITS)
        return span is not None and bool(span[(row_id % _SPAN) >> 3] >> (row_id & 7) & 1)

    def __len__(self) -> int:
        return self.count(0, None)

    def copy(self) -> LiveIds:
        """Return the same ids, which can then change on their own."""
        other = LiveIds()
        other._spans = {number: bytearray(span) for number, span in self._spans.items()}
        return other

    def count(self, low: int, high: int | None) -> int:
        """How many ids there are in `[low, high)`; high None: from low up."""
        return sum(bits.bit_count() for _, bits in self._within(low, high))

    def ids(self, low: int = 0, high: int | None = None) -> Iterator[int]:
        """Yield the ids in `[low, high)`, ascending."""
        for number, bits in sorted(self._within(low, high)):
            first = number << _SPAN_BITS
            for place, byte in enumerate(bits.to_bytes(_SPAN_BYTES, "little")):
                if byte:
                    for bit in _BITS_OF[byte]:
                        yield first + place * 8 + bit

    def difference(self, other: LiveIds) -> LiveIds:
        """Return the ids that are not in another set."""
        left = LiveIds()
        for number, span in self._spans.items():
            bits = int.from_bytes(span, "little") & ~int.from_bytes(other._spans.get(number, b""), "little")
            if bits:
                left._spans[number] = bytearray(bits.to_bytes(_SPAN_BYTES, "little"))
        return left

    def highest(self) -> int:
        """Return the highest id, -1 if there is none."""
        number = max(self._spans, default=-1)
        if number < 0:
            return -1
        return (number << _SPAN_BITS) + int.from_bytes(self._spans[number], "little").bit_length() - 1

    def add(self, ids: Iterable[int]) -> None:
        """Mark changed rows as live.

        Raises: ValueError, for an id below 0.
        """
        spans = self._spans
        for row_id in ids:
            if row_id < 0:
                raise ValueError(f"id: found {row_id}, expected 0 or more")
            number = row_id >> _SPAN_BITS
            if number not in spans:
                spans[number] = bytearray(_SPAN_BYTES)
            spans[number][(row_id % _SPAN) >> 3] |= 1 << (row_id & 7)

    def replace(self, claim: IdRange, ids: Iterable[int]) -> None:
        """Replace the live ids of a claim: its other ids are no longer live.

        Raises: ValueError, for an id outside the claim.
        """
        self._remove(claim)
        self.add(_inside(claim, ids))

    def _remove(self, claim: IdRange) -> None:
        for number, bits in list(self._within(claim.low, claim.high)):
            left = int.from_bytes(self._spans[number], "little") & ~bits
            if left:
                self._spans[number][:] = left.to_bytes(_SPAN_BYTES, "little")
            else:
                del self._spans[number]

    def _within(self, low: int, high: int | None) -> Iterator[tuple[int, int]]:
        """Yield the spans that meet `[low, high)`, each with its bits of that range."""
        for number, span in self._spans.items():
            first = number << _SPAN_BITS
            if first + _SPAN <= low or (high is not None and first >= high):
                continue
            bits = int.from_bytes(span, "little")
            if first < low:
                bits = bits >> (low - first) << (low - first)
            if high is not None and high < first + _SPAN:
                bits &= (1 << (high - first)) - 1
            yield number, bits


def read_live_ids(
    store: Store, manifest: Manifest | None, *, partition: str | None = None, times: UpdateTimes | None = None
) -> LiveIds:
    """Return the ids that are live in a table: every part is read once, as a stream, in the order in which they apply.

    manifest: None is the table before its first commit, which has no rows.
    partition: of a time series, the day whose rows are asked for.
    times: gets when each row last changed.

    Raises: DamagedPartError, if a part is not what the manifest says; StoreError.
    """
    live = LiveIds()
    for file in manifest.files if manifest else ():
        if partition is None or file.partition == partition:
            ids = read_ids(store, file) if times is None else times.noting(_read_changed(store, file))
            apply_ids(live, file.claims, ids)
    return live


def apply_ids(live: LiveIds, claims: Sequence[IdRange], ids: Iterable[int]) -> None:
    """Let a part act on the live ids: what it claims is void, then its own ids are live."""
    for claim in merge_ranges(claims):
        live.replace(claim, ())
    live.add(ids)


def read_ids(store: Store, file: File) -> Iterator[int]:
    """Return the id of each row of a part. Raises as `read_lines` does."""
    return (row.id for row in _decoded(store, file, _ID))


def _read_changed(store: Store, file: File) -> Iterator[tuple[int, int | None]]:
    return ((row.id, row.updated_at) for row in _decoded(store, file, _CHANGED))


def _decoded(store: Store, file: File, decoder: msgspec.json.Decoder[_Row]) -> Iterator[_Row]:
    for number, line in enumerate(read_lines(store, file), start=1):
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError as error:
            raise DamagedPartError(
                f"{file.key}: line {number}: {error}: found {line[:80]!r}, expected an object with an id"
            ) from error


def read_lines(store: Store, file: File) -> Iterator[bytes]:
    """Yield the rows of a part as lines with their line feeds, streamed.

    Raises: DamagedPartError, if the part is torn or has more or fewer rows than its manifest says; StoreError.
    """
    rows = 0
    try:
        with store.open(file.key) as stream:
            plain = igzip.IGzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call] # isal gives it no types
            for line in io.BufferedReader(plain, _CHUNK):  # its own readline costs a Python call a line
                rows += 1
                yield line
    except (EOFError, igzip.BadGzipFile, IsalError) as error:  # type: ignore[misc] # isal types it as an instance
        raise DamagedPartError(
            f"{file.key}: line {rows + 1}: {error}, expected {file.rows} rows of whole gzip"
        ) from error
    if rows != file.rows:
        raise DamagedPartError(f"{file.key}: found {rows} rows, expected {file.rows}, as its manifest says")


def _inside(claim: IdRange, ids: Iterable[int]) -> Iterator[int]:
    for row_id in ids:
        if row_id not in claim:
            raise ValueError(f"id: found {row_id}, expected one of {claim}")
        yield row_id

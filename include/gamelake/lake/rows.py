"""The rows of a table: those of its parts, and the ids that are live once claims and newest-wins are applied."""

from __future__ import annotations

import io
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from isal import igzip
from isal.igzip_lib import IsalError
from pyroaring import BitMap64

from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.months import month_lines
from gamelake.lake.store import CHUNK, ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import Store
    from gamelake.lake.update_times import UpdateTimes
    from gamelake.lake.uploads import StoredPart

_Row = TypeVar("_Row")
_END = 2**64 - 1  # above every id
_END_OF_TIME = 2**63


class _HasId(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=0)]


class _Changed(_HasId):
    updated_at: int | None = None


class _Updated(msgspec.Struct):
    updated_at: object = None


_ID = msgspec.json.Decoder(_HasId)
_STARTS_WITH_ID = re.compile(rb'\{"id":(\d+)[,}]')
_CHANGED = msgspec.json.Decoder(_Changed)
_UPDATED = msgspec.json.Decoder(_Updated)


class LiveIds:
    """A set of ids, 0 and up, as a compressed bitmap."""

    def __init__(self, bits: BitMap64 | None = None) -> None:
        self._bits = BitMap64() if bits is None else bits

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._bits

    def __len__(self) -> int:
        return len(self._bits)

    def copy(self) -> LiveIds:
        """Return the same ids, which can then change on their own."""
        return LiveIds(self._bits.copy())

    def count(self, low: int, high: int | None) -> int:
        """Return how many ids are in `[low, high)`; high None: from low up."""
        return self._bits.range_cardinality(low, _END if high is None else high)

    def ids(self, low: int = 0, high: int | None = None) -> Iterator[int]:
        """Yield the ids in `[low, high)`, ascending."""
        above = self._bits.iter_equal_or_larger(low)
        return above if high is None else takewhile(lambda row_id: row_id < high, above)

    def highest(self) -> int:
        """Return the highest id, -1 if there is none."""
        return self._bits.max() if self._bits else -1

    def difference(self, other: LiveIds) -> LiveIds:
        """Return the ids that are not in another set."""
        return LiveIds(self._bits - other._bits)

    def add(self, ids: Iterable[int]) -> None:
        """Add the ids of rows that changed, which may be in the set already."""
        self._bits.update(ids)

    def replace(self, claim: IdRange, ids: Iterable[int]) -> None:
        """Make the ids the only ones within a claim.

        Raises:
            ValueError: An id is outside the claim.
        """
        new = BitMap64(ids)
        for row_id in (new.min(), new.max()) if new else ():
            if row_id not in claim:
                raise ValueError(f"id: found {row_id}, expected one of {claim}")
        self._bits.remove_range(claim.low, _END if claim.high is None else claim.high)
        self._bits |= new


def read_live_ids(
    store: Store, manifest: Manifest | None, *, partition: str | None = None, times: UpdateTimes | None = None
) -> LiveIds:
    """Return the ids that are live in a table: every part is read once, as a stream, in the order in which they apply.

    manifest: None is the table before its first commit, which has no rows.
    partition: of a time series, the day whose rows are asked for.
    times: gets when each row last changed.

    Raises: DamagedPartError, if a part differs from the manifest; StoreError.
    """
    live = LiveIds()
    for part in manifest.files if manifest else ():
        if partition is None or part.partition == partition:
            ids = read_ids(store, part) if times is None else times.noting(_read_changed(store, part))
            apply_ids(live, part.claims, ids)
    return live


def apply_ids(live: LiveIds, claims: Sequence[IdRange], ids: Iterable[int]) -> None:
    """Apply a part to the live ids: remove the ids that it claims, then add its own."""
    for claim in merge_ranges(claims):
        live.replace(claim, ())
    live.add(ids)


def read_ids(store: Store, part: Part) -> Iterator[int]:
    """Return the id of each row of a part. Raises as `read_lines` does."""
    return (row.id for row in decoded_rows(store, part, _ID))


def read_rows(store: Store, part: Part) -> Iterator[tuple[int, bytes]]:
    """Yield the id of each row of a part, and its line with the line feed. Raises as `read_lines` does."""
    for number, line in enumerate(read_lines(store, part), start=1):
        # Most lines start with the id, and are not parsed.
        found = _STARTS_WITH_ID.match(line)
        yield int(found[1]) if found else _decode(part, number, line, _ID).id, line


def find_rows(store: Store, files: Sequence[Part], ids: Iterable[int]) -> dict[int, bytes]:
    """Return the lines that a table shows of some ids, by id; an id without a row is left out. Not for a time series.

    Parts that can have none of the ids are not read, nor those below once all ids are found. Raises as `read_lines`.
    """
    missing = BitMap64(ids)
    found: dict[int, bytes] = {}
    for part in reversed(files):
        if not missing:
            break
        if part.ids is not None and missing.range_cardinality(part.ids.low, part.ids.high or _END):
            here = {row_id: line for row_id, line in read_rows(store, part) if row_id in missing}
            missing -= BitMap64(here)
            found |= here
        for claim in part.claims:  # it hides the rows of older parts
            missing.remove_range(claim.low, _END if claim.high is None else claim.high)
    return found


def read_update_time(line: bytes) -> int | None:
    """Return the `updated_at` of a row, None if it has none that is a time. Raises: msgspec.DecodeError."""
    return update_time(_UPDATED.decode(line).updated_at)


def update_time(value: object) -> int | None:
    """Return an `updated_at` that a manifest can name, else None: one before 1970, or an undeclared one of any type."""
    return value if type(value) is int and 0 <= value < _END_OF_TIME else None


def _read_changed(store: Store, part: Part) -> Iterator[tuple[int, int | None]]:
    return ((row.id, row.updated_at) for row in decoded_rows(store, part, _CHANGED))


def decoded_rows(store: Store, part: Part, decoder: msgspec.json.Decoder[_Row]) -> Iterator[_Row]:
    """Yield the rows of a part as a decoder reads them. Raises as `read_lines` does."""
    for number, line in enumerate(read_lines(store, part), start=1):
        yield _decode(part, number, line, decoder)


def _decode(part: Part, number: int, line: bytes, decoder: msgspec.json.Decoder[_Row]) -> _Row:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError as error:
        raise DamagedPartError(
            f"{part.key}: line {number}: {error}: found {line[:80]!r}, expected an object with an id"
        ) from error


def read_lines(store: Store, part: StoredPart) -> Iterator[bytes]:
    """Yield the rows of a part as lines with their line feeds, streamed; of a part that a month's file has, from there.

    Raises: DamagedPartError, if the part is torn or has more or fewer rows than in its manifest; StoreError.
    """
    try:
        stream = store.open(part.key)
    except ObjectNotFoundError:
        yield from month_lines(store, part)
    else:
        yield from lines_in(stream, part)


def lines_in(stream: BinaryIO, part: StoredPart) -> Iterator[bytes]:
    """Yield the lines of the bytes of a part, and close them. Raises as `read_lines`."""
    rows = 0
    try:
        with stream:
            plain = igzip.IGzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call] # isal gives it no types
            for line in io.BufferedReader(plain, CHUNK):  # IGzipFile.readline is a Python call for each line
                rows += 1
                yield line
    except (EOFError, igzip.BadGzipFile, IsalError) as error:  # type: ignore[misc] # isal types it as an instance
        raise DamagedPartError(
            f"{part.key}: line {rows + 1}: {error}, expected {part.rows} rows of whole gzip"
        ) from error
    if rows != part.rows:
        raise DamagedPartError(f"{part.key}: found {rows} rows, expected {part.rows}, as in its manifest")

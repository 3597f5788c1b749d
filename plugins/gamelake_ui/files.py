"""The files of the marts that readers have now, whole or a range of bytes: a browser reads Parquet in ranges."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.responses import Response, StreamingResponse

from gamelake.marts import pointer
from gamelake.marts.documents import Document, PublishedMart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from gamelake.lake.store import Store

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 1 << 20
MOST_BYTES = 64 << 20
"""A range is in memory as a whole."""


class PublishedMarts(Document, frozen=True, kw_only=True):
    """The marts that readers have now."""

    day: date
    generation: str
    marts: tuple[PublishedMart, ...]


def published(store: Store) -> PublishedMarts:
    """Return the marts that readers have now. Raises: StoreError; HTTPException, if nothing is published."""
    shown = pointer.current(store)
    if shown is None or not shown.marts:
        raise HTTPException(404, "Nothing is published yet: run the DAG transform, or `make run`.")
    return PublishedMarts(day=shown.day, generation=shown.generation, marts=shown.marts)


def mart_file(store: Store, name: str, sha256: str, wanted: str | None) -> Response:
    """Return the file of a mart, or a range of it.

    A request names a mart of the published generation and its hash, never a key. So no other file can be read, and a
    page that is older than the generation gets no bytes of another one.

    Args:
        store: The lake.
        name: The name of the mart.
        sha256: The hash of its file.
        wanted: The header `Range`.

    Raises:
        HTTPException: There is no such mart, its file is another one, or the range is outside of it.
        StoreError: The lake cannot be read.
    """
    mart = next((each for each in published(store).marts if each.name == name), None)
    if mart is None:
        raise HTTPException(404, f"mart: found {name!r}, expected the name of a published mart")
    if mart.sha256 != sha256:
        raise HTTPException(409, "Another build of the marts was published. Reload the page.")
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": f'attachment; filename="{mart.name}.parquet"'}
    media = "application/vnd.apache.parquet"
    found = _RANGE.fullmatch(wanted or "")
    if found is None or not any(found.groups()):
        stream = _chunks(store.open(mart.key))
        return StreamingResponse(stream, media_type=media, headers={**headers, "Content-Length": str(mart.bytes)})
    start, end = _bounds(found[1], found[2], mart.bytes)
    if not 0 <= start < end or end - start > MOST_BYTES:
        raise HTTPException(416, f"Range: found {wanted!r}", headers={"Content-Range": f"bytes */{mart.bytes}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{mart.bytes}"
    return Response(store.get_range(mart.key, start, end), 206, headers, media)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the bounds `[start, end)` of a range as HTTP has it."""
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk

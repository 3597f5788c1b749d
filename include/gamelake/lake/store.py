"""The store: objects by key, on S3 or on a local disk, behind one small interface.

Both kinds pass one conformance suite (tests/gamelake/lake/test_store.py): this page is true for both. The
reading half is a protocol of its own, `ReadableStore`, because a CDN (https.py) offers no more.

    StoreError             a request failed: names the operation, the key, the reason, and what to do where it is known
      ObjectNotFoundError  there is no object of that key
      ObjectExistsError    the key is taken, and the put was to create it
      InvalidKeyError      no store will take this key
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

CHUNK = 1024 * 1024
"""Bytes of an object that are read at a time."""


class StoreError(Exception):
    """A request to the store failed: `operation` on `key` (or bucket, or URI), and `reason`."""

    def __init__(self, operation: str, key: str, reason: str) -> None:
        super().__init__(operation, key, reason)  # all three are args, so that the error survives pickling
        self.operation = operation
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.operation} {self.key!r}: {self.reason}"


class ObjectNotFoundError(StoreError):
    """There is no object of that key."""


class ObjectExistsError(StoreError):
    """The key is taken by other bytes, and the put was to create it."""


class InvalidKeyError(StoreError):
    """No store will take this key."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's key, size in bytes and time of last change (UTC)."""

    key: str
    size: int
    modified: datetime


class ReadableStore(Protocol):
    """Objects by key, under one URI, for those who only read and need not list.

    A key is a path such as `raw/igdb/games/_manifest.json`: not absolute, no empty, `..` or hidden (`.name`) segment.
    Hidden names are the store's own, or of another program, and are never listed. Every method may raise StoreError.
    """

    uri: str
    """`s3://bucket/prefix`, `file:///folder` or `https://host/prefix`, without a slash at its end."""

    def url(self, key: str) -> str:
        """Return what DuckDB reads: `s3://bucket/prefix/key`, `https://host/prefix/key`, or a file's absolute path."""

    def get(self, key: str) -> bytes:
        """Return the object's bytes.

        Raises: ObjectNotFoundError.
        """

    def open(self, key: str) -> BinaryIO:
        """Return a stream of the object's bytes, also a context manager; reading it may raise StoreError.

        Raises: ObjectNotFoundError.
        """

    def info(self, key: str) -> ObjectInfo:
        """Size and time of an object.

        Raises: ObjectNotFoundError.
        """


@runtime_checkable
class Store(ReadableStore, Protocol):
    """Objects by key, under one URI: all that a lake needs. See ReadableStore for keys and for reading."""

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes `[start, end)` of an object that has so many.

        Raises: ObjectNotFoundError.
        """

    def put(self, key: str, data: bytes, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """Write an object: readers see the old one (or none) or the new one, never a part.

        if_absent: create it; of any number of concurrent creators exactly one succeeds. If the key is taken by the
        same bytes the put counts as done: that is how a put ends whose reply was lost.
        tags: they replace those of an older object.

        Raises: ObjectExistsError.
        """

    def put_file(self, key: str, path: Path, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """As `put`, with the bytes of a local file, of which only a few MB are in memory at once.

        Ceph ignores `if_absent` for files above s3.SINGLE_PUT_BYTES.
        """

    def copy(self, source: str, target: str) -> None:
        """Write an object with the bytes of another one, within the store; it has no tags. Readers see it whole or not.

        Raises: ObjectNotFoundError.
        """

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose keys start with `prefix` and are greater than `after`, by key, ascending."""

    def delete(self, key: str) -> None:
        """Remove an object; one that does not exist is no error."""

    def tag(self, key: str, tags: Mapping[str, str], *, reset_age: bool = False) -> None:
        """Replace an object's tags.

        reset_age: its age starts again too, as if it was written now. S3's lifecycle rules count an object's days from
        its creation, whenever it got the tag that they are for.

        Raises: ObjectNotFoundError.
        """

    def tags(self, key: str) -> dict[str, str]:
        """Return an object's tags.

        Raises: ObjectNotFoundError.
        """


def buffered(body: Any, errors: Callable[[], AbstractContextManager[None]]) -> BinaryIO:
    """Return the body of a reply as a stream.

    Args:
        body: It has `read` and `close`.
        errors: Raises the errors of reading as StoreError.
    """
    return cast("BinaryIO", io.BufferedReader(_Body(body, errors), CHUNK))


class _Body(io.RawIOBase):
    def __init__(self, body: Any, errors: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._body = body
        self._errors = errors

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._errors():
            # urllib3's own errors are not all translated by botocore's readinto; its read does.
            data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


def check_key(operation: str, key: str) -> None:
    """Refuse a key that could leave the store, hide in it, or mean two things.

    Raises: InvalidKeyError.
    """
    segments = key.split("/")
    if not all(segments) or any(segment.startswith(".") for segment in segments):
        raise InvalidKeyError(operation, key, "expected a relative path without empty, `..` or hidden segments")
    _check_text(operation, key)


def check_prefix(operation: str, prefix: str) -> None:
    """Refuse a prefix that no key starts with. Empty is every key; the last segment may be unfinished.

    Raises: InvalidKeyError.
    """
    *folders, last = prefix.split("/")
    if not all(folders) or any(segment.startswith(".") for segment in [*folders, last]):
        raise InvalidKeyError(
            operation, prefix, "expected the start of a key: relative, without empty or hidden segments"
        )
    _check_text(operation, prefix)


def _check_text(operation: str, key: str) -> None:
    if "\\" in key or not key.isprintable():
        raise InvalidKeyError(
            operation, key, f"expected printable characters other than a backslash; found {json.dumps(key)}"
        )


def is_hidden(key: str) -> bool:
    """Whether a segment of the key is hidden: such an object is not the lake's."""
    return key.startswith(".") or "/." in key

"""Where a lake is: the one reader of `GAMELAKE_URI`.

    s3://bucket/prefix          taken as it is written: `%`, `#`, spaces and Korean letters stand for themselves
    file:///absolute/folder     `%20` is a space; a `#` or `?` that is not encoded is part of the name

What a store, DuckDB or a browser would read in another way is refused here, before anything is written.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from gamelake.urls import without_secrets

_EXPECTED = "expected s3://bucket/prefix or file:///absolute/folder"
_UNREADABLE = "?*[]&\\"
"""DuckDB reads `?` in an s3:// address as a query and `*[]\\` as a pattern; names with `&` it misses in listings."""


class LocationError(ValueError):
    """The URI names no possible place of a lake.

    Args:
        reason: What is wrong, and what is expected.
        found: The part of the URI that is wrong; None: all of it.
    """

    def __init__(self, reason: str, found: str | None = None) -> None:
        super().__init__(reason, found)
        self.reason = reason
        self.found = found

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class BucketLocation:
    """A prefix of a bucket; the prefix has no slash at either end, and may be empty."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A folder of a disk; `str` gives the path, which can be pasted into a shell or DuckDB."""

    folder: Path

    @property
    def uri(self) -> str:
        """`file:///folder`, percent-encoded."""
        return self.folder.as_uri()

    def __str__(self) -> str:
        return str(self.folder)


def locate(uri: str) -> BucketLocation | FolderLocation:
    """Read a lake's URI. Spaces around it do not count. Raises: LocationError."""
    scheme, colon, rest = uri.strip().partition(":")
    match scheme.lower() if colon else "":
        case "s3":
            return _bucket(rest)
        case "file":
            return _folder(rest)
    raise LocationError(_EXPECTED)


def _bucket(rest: str) -> BucketLocation:
    bucket, _, prefix = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not bucket:
        raise LocationError(_EXPECTED)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise LocationError(
            f"found the bucket {without_secrets(bucket)!r}, expected letters, digits, dots and hyphens", bucket
        )
    prefix = prefix.strip("/")
    if found := next((each for each in prefix if each in _UNREADABLE or not each.isprintable()), None):
        raise LocationError(
            f"found {found!r} in the prefix, which DuckDB cannot read there; name a prefix without any of "
            f"{' '.join(_UNREADABLE)}",
            found,
        )
    if "//" in prefix:
        raise LocationError("found two slashes in a row in the prefix; write one", "//")
    return BucketLocation(bucket, prefix)


def _folder(rest: str) -> FolderLocation:
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in {"", "localhost"}:
            raise LocationError(f"{_EXPECTED}; found the host {without_secrets(host)!r}", host)
        rest = slash + path
    path = unquote(rest)
    if not path.startswith("/"):
        raise LocationError(_EXPECTED)
    if found := next((each for each in path if each == "\\" or not each.isprintable()), None):
        raise LocationError(
            f"found {found!r} in the folder's name, which DuckDB cannot read; name another folder", found
        )
    if not os.path.normpath(path).strip("/"):
        raise LocationError(
            f"found the root of the disk, {path}; expected a folder of its own, such as file:///data/lake"
        )
    return FolderLocation(Path(path))

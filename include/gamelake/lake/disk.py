"""The store on a local disk: a key is a file's path under one folder.

Files appear whole: they are written beside their place under a hidden name, synced, and renamed. Tags lie in a hidden
file beside the object, `.<name>.tags`. Lifecycle rules are S3's: nothing here expires.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gamelake.lake.store import (
    CHUNK,
    ObjectExistsError,
    ObjectInfo,
    ObjectNotFoundError,
    StoreError,
    check_key,
    check_prefix,
    is_hidden,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

_HINTS = {
    errno.ENOTDIR: "part of the key is an object already",
    errno.EEXIST: "part of the key is an object already",
    errno.EISDIR: "the key is the start of other keys already",
    errno.ENOSPC: "the disk is full: free space, or point GAMELAKE_URI at another one",
    errno.EDQUOT: "the quota of this user is used up: free space, or point GAMELAKE_URI at another disk",
    errno.EROFS: "it can only be read: mount it for writing, or point GAMELAKE_URI at another disk",
    **dict.fromkeys((errno.EIO, errno.ESTALE), "the disk or its server has a fault: run again when it works"),
    errno.EACCES: "give this user access to it, or point GAMELAKE_URI at another one",
    # FAT and exFAT, and mounts such as s3fs and rclone, have no hard links.
    **dict.fromkeys(
        (errno.EPERM, errno.ENOTSUP, errno.ENOSYS),
        "the file system must have hard links: point GAMELAKE_URI at one that does",
    ),
}


class DiskStore:
    """A folder as a store; see `Store` for what the methods promise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.uri = folder.as_uri()

    def url(self, key: str) -> str:
        """Return the absolute path of the object's file."""
        return str(self._path("url", key))

    def put(self, key: str, data: bytes, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """Write an object from memory."""
        self._put(key, lambda temporary: _write(temporary, data), if_absent=if_absent, tags=tags)

    def put_file(self, key: str, path: Path, *, if_absent: bool = False, tags: Mapping[str, str] | None = None) -> None:
        """Write an object from a local file."""
        self._put(key, lambda temporary: _copy(path, temporary), if_absent=if_absent, tags=tags)

    def copy(self, source: str, target: str) -> None:
        """Write an object with the bytes of another one."""
        self.info(source)
        self.put_file(target, self._path("copy", source))

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        with self.open(key) as stream:
            return stream.read()

    def open(self, key: str) -> BinaryIO:
        """Return a stream of the object's bytes."""
        path = self._path("open", key)
        with _errors("open", key):
            return path.open("rb")

    def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return a range of the object's bytes."""
        with self.open(key) as file, _errors("get", key):
            file.seek(start)
            return file.read(end - start)

    def info(self, key: str) -> ObjectInfo:
        """Size and time of an object."""
        path = self._path("info", key)
        with _errors("info", key):
            if path.is_dir():
                raise IsADirectoryError(key)
            return _info(key, path.stat())

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects under a prefix, by key."""
        check_prefix("list", prefix)
        folder = prefix[: prefix.rfind("/") + 1]
        with _errors("list", prefix):
            yield from _walk(self._folder, folder, prefix, after)

    def delete(self, key: str) -> None:
        """Remove an object and its tags."""
        path = self._path("delete", key)
        with _errors("delete", key):
            for each in (path, _tags_path(path)):
                try:
                    each.unlink(missing_ok=True)
                except NotADirectoryError:
                    return  # a parent is an object: there is none of this key

    def tag(self, key: str, tags: Mapping[str, str], *, reset_age: bool = False) -> None:
        """Replace an object's tags; `reset_age` sets its time too."""
        self.info(key)
        path = self._path("tag", key)
        with _errors("tag", key):
            if reset_age:
                os.utime(path)
            _write_tags(path, tags)

    def tags(self, key: str) -> dict[str, str]:
        """Return an object's tags; none if their file is damaged."""
        self.info(key)
        with _errors("tags", key):
            try:
                found = json.loads(_tags_path(self._path("tags", key)).read_bytes())
            except (FileNotFoundError, ValueError):
                return {}
            return found if isinstance(found, dict) else {}

    def leftovers(self) -> Iterator[tuple[Path, ObjectInfo]]:
        """Files that killed writers may have left: unfinished objects, and tags of objects that are not there.

        Writers that are at work have such files too: only old ones are left over. The infos are keyed by the path
        relative to the store's folder.
        """
        with _errors("list", ""):
            for path in sorted(self._folder.rglob(".*")):
                tags_of_none = path.name.endswith(".tags") and not _tagged(path).exists()
                if tags_of_none or path.name.endswith(".tmp"):
                    with suppress(FileNotFoundError):  # its writer has just finished
                        yield path, _info(path.relative_to(self._folder).as_posix(), path.stat())

    def remove_leftover(self, path: Path) -> None:
        """Remove a file of `leftovers`."""
        with _errors("delete", path.relative_to(self._folder).as_posix()):
            path.unlink(missing_ok=True)

    def _path(self, operation: str, key: str) -> Path:
        check_key(operation, key)
        return self._folder / key

    def _put(self, key: str, write: Callable[[Path], None], *, if_absent: bool, tags: Mapping[str, str] | None) -> None:
        path = self._path("put", key)
        with _errors("put", key):
            _make_folder(path.parent)
            temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
            try:
                write(temporary)
                if not if_absent:
                    temporary.replace(path)
                elif not _link(temporary, path):
                    if not _same_bytes(temporary, path):
                        raise ObjectExistsError("put", key, "the key is taken")
                    return
                _sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
            _write_tags(path, tags or {})


def _link(source: Path, target: Path) -> bool:
    """Give the file its name unless that is taken: the one step of the file system that does both at once."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("xb") as file:
        shutil.copyfileobj(read, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _same_bytes(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        return all(chunk == right.read(CHUNK) for chunk in iter(lambda: left.read(CHUNK), b""))


def _tags_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.tags")


def _tagged(tags: Path) -> Path:
    """Return the object whose tags lie in that file."""
    return tags.with_name(tags.name[1:].removesuffix(".tags"))


def _write_tags(path: Path, tags: Mapping[str, str]) -> None:
    if not tags:
        _tags_path(path).unlink(missing_ok=True)
        return
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        _write(temporary, json.dumps(dict(tags)).encode())
        temporary.replace(_tags_path(path))
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, each synced into the one above: a crash must not lose the way to a commit."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(root: Path, folder: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
    """Objects below `folder` (empty, or ends with a slash), in the order of their keys.

    A folder sorts as its name with a slash, so that `a-b` comes before `a/b` as it does on S3; one whose keys are all
    outside the prefix, or not after `after`, is not opened.
    """
    try:
        entries = [
            (f"{folder}{entry.name}/" if entry.is_dir() else f"{folder}{entry.name}", entry)
            for entry in os.scandir(root / folder)
            if not is_hidden(entry.name)
        ]
    except (FileNotFoundError, NotADirectoryError):
        return
    for key, entry in sorted(entries, key=lambda pair: pair[0]):
        if key.endswith("/"):
            if (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                yield from _walk(root, key, prefix, after)
        elif key.startswith(prefix) and key > after:
            try:
                yield _info(key, entry.stat())
            except FileNotFoundError:
                continue  # deleted since the folder was read


def _info(key: str, stat: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


@contextmanager
def _errors(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        absent = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        if absent and operation != "put":
            raise ObjectNotFoundError(operation, key, "no such object") from error
        hint = _HINTS.get(error.errno or 0)
        raise StoreError(operation, key, f"{error}{f'; {hint}' if hint else ''}") from error

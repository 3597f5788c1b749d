"""Restore a lake from a copy of it.

report = restore(open_store("s3://my-lake-copy/lake"), open_store("s3://my-lake/lake"))

The lake is empty, or has some of the same objects: nothing in it is replaced. So a restore that was stopped
goes on when it is started again. Commits are created after all that they name, and pointers last.
"""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from gamelake.lake.factory import place_of
from gamelake.lake.manifest import Manifest, ManifestError
from gamelake.lake.store import CHUNK, ObjectExistsError, StoreError
from gamelake.load.scratch import scratch_folder
from gamelake.maintenance.foreign import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gamelake.lake.store import ObjectInfo, Store

_THREADS = 16
_DISK = f"A restore keeps up to {_THREADS} objects there at once: free space, or set TMPDIR to another folder"
_DONE = "what was written stays, and the same command goes on"
_NAMED = re.compile(
    r"(raw|feeds)/[^/]+/[^/]+/(dt=|_rejected/)|raw/[^/]+/[^/]+/_months/.*\.parquet$|marts/(dt=|history/)"
)
"""Objects that are never written twice, and that commits, steps of feeds and publications name."""
_MONTHS = re.compile(r"raw/[^/]+/[^/]+/_months/")
"""Documents of months: commits name parts that only these have."""
_COMMITS = re.compile(r"(raw|feeds)/[^/]+/[^/]+/_manifests/|marts/_publications/|inbox/[^/]+/|topics/")
_TABLE_COMMITS = re.compile(r"raw/([^/]+)/([^/]+)/_manifests/")
_PROGRESS = "/_progress.json"
"""The notes of a load that was running: in another lake no load goes on from them."""


class _Kind(IntEnum):
    """The kinds of objects, in the order in which they are written."""

    NAMED = 0
    MONTH = 1
    COMMIT = 2
    REPLACED = 3

    @classmethod
    def of(cls, key: str) -> _Kind:
        if _NAMED.match(key):
            return cls.NAMED
        if _MONTHS.match(key):
            return cls.MONTH
        return cls.COMMIT if _COMMITS.match(key) else cls.REPLACED


@dataclass(slots=True)
class RestoreReport:
    """What a restore has done so far.

    Attributes:
        objects: Objects that the lake is to have.
        written: Those that were written.
        written_bytes: Their bytes.
        present: Those that the lake had.
        kept: Keys of pointers, of copies of marts, and of signs of captures, that the lake had with other bytes.
    """

    objects: int
    written: int = 0
    written_bytes: int = 0
    present: int = 0
    kept: list[str] = field(default_factory=list)


def restore(
    copy: Store, lake: Store, prefix: str = "", *, progress: Callable[[RestoreReport], None] = lambda _: None
) -> RestoreReport:
    """Write the objects of a copy that a lake lacks.

    Args:
        copy: The lake to read.
        lake: The lake to write.
        prefix: Only keys that start with it.
        progress: Is called after each object.

    Raises:
        ObjectExistsError: The lake has another commit, part or mart of the same key. If loads began a table again,
            nothing is written.
        StoreError: The copy has no object, or none of a lake, or a request failed.
        LoadError: The disk of the temporary folder is full.
    """
    found = [info for info in copy.list(prefix) if not info.key.endswith(_PROGRESS)]
    place = place_of(copy)
    if not found:
        below = f" whose key starts with {prefix}" if prefix else ""
        raise StoreError("restore", place, f"found no object{below}, expected a copy of a lake")
    if not any(info.key.startswith(FOLDERS) for info in found):
        detail = f"it is no copy of a lake: found {found[0].key}, expected keys that start with raw/ or marts/"
        raise StoreError("restore", place, f"{detail}; name the folder or prefix that has raw/. Nothing was written")
    sizes = {info.key: info.size for info in lake.list(prefix)}
    _check_begun_again(copy, lake, [info.key for info in found if info.key in sizes])
    report = RestoreReport(len(found))
    with scratch_folder(_DISK, done=_DONE) as scratch:

        def work(info: ObjectInfo) -> str:
            return _restore_one(copy, lake, info, size=sizes.get(info.key), scratch=scratch)

        for kind in _Kind:
            infos = [info for info in found if _Kind.of(info.key) is kind]
            with ThreadPoolExecutor(_THREADS) as pool:
                for info, outcome in zip(infos, pool.map(work, infos), strict=True):
                    if outcome == "written":
                        report.written += 1
                        report.written_bytes += info.size
                    elif outcome == "present":
                        report.present += 1
                    else:
                        report.kept.append(info.key)
                    progress(report)
    return report


def _check_begun_again(copy: Store, lake: Store, shared: Sequence[str]) -> None:
    """Check that no table of the lake has a sound commit where the copy has another one of that number.

    Loads that find an empty lake begin its tables again. Commits of both histories in one table would hide the rows of
    one of them, and the audit would remove those.
    Raises: ObjectExistsError; StoreError.
    """
    first: dict[str, str] = {}
    for key in shared:
        if found := _TABLE_COMMITS.match(key):
            first.setdefault(".".join(found.groups()), key)  # keys ascend
    begun: dict[str, str] = {}
    for table, key in first.items():
        data = lake.get(key)
        if data != copy.get(key):
            with suppress(ManifestError):  # a damaged one is to be removed, which the error about it states
                Manifest.from_json(data)
                begun[table] = key
    if begun:
        raise ObjectExistsError(
            "restore",
            next(iter(begun.values())),
            f"loads of {place_of(lake)} began {', '.join(begun)} again after the lake was lost: its commits are sound, "
            f"and others than those of {place_of(copy)}. Nothing was written. Point GAMELAKE_URI at an empty place, "
            "and restore into that",
        )


def _restore_one(copy: Store, lake: Store, info: ObjectInfo, *, size: int | None, scratch: Path) -> str:
    """Write an object, if the lake does not have it with some size. Return `written`, `present` or `kept`."""
    kind = _Kind.of(info.key)
    if kind is _Kind.NAMED and size == info.size:
        return "present"  # the audit compares hashes
    if kind is _Kind.REPLACED and size is not None:
        return "present" if lake.get(info.key) == copy.get(info.key) else "kept"
    path = scratch / uuid4().hex
    try:
        with copy.open(info.key) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)
        lake.put_file(info.key, path, if_absent=True)
    except ObjectExistsError as error:
        raise ObjectExistsError(
            "restore",
            info.key,
            f"{place_of(lake)} has other bytes than {place_of(copy)}, and nothing is replaced. If it is damaged, "
            "remove it from the lake and run the command again. If it was written after the loss, keep it: name what "
            "else is lost by --prefix",
        ) from error
    finally:
        path.unlink(missing_ok=True)
    return "written" if size is None else "present"

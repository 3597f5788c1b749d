"""Check the folders of `make run` and `make up` before anything starts."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gamelake.lake.https import DeniedError, open_cdn
from gamelake.lake.location import BucketLocation, FolderLocation
from gamelake.lake.store import ObjectNotFoundError
from gamelake.local.environment import LOCAL
from gamelake.marts.scratch import check_database, check_free
from gamelake.settings import read_settings

MIN_FREE = 300 * 1024 * 1024
"""Bytes that a day of the sandbox needs: its lake, Airflow's database and log, and the build's scratch file."""
_FULL = 4 * 1024 * 1024
"""Bytes: with less a database cannot be written."""

_ABSENT = "marts/_absent"
"""An object that no lake has: a CDN that answers keeps nothing of it that a reader could get later."""


class FolderError(RuntimeError):
    """A folder or bucket of a run cannot be used; the message has what to do."""


def check_folders(place: BucketLocation | FolderLocation) -> None:
    """Check the lake's folder if it is on a disk, that of the build's database, and the free space of their disks.

    Raises: FolderError; ScratchError.
    """
    check_database(read_settings().gamelake_duckdb)
    if isinstance(place, FolderLocation):  # a bucket answers at the first request
        _check_writable(place.folder)
    for folder in _folders(place).values():
        _check_space(folder)


def full_disks(place: BucketLocation | FolderLocation) -> str:
    """Return which folders of a run have a full disk, and what to do; empty if none has."""
    there = {name: folder for name, folder in _folders(place).items() if folder.exists()}
    full = [f"{folder} ({name})" for name, folder in there.items() if shutil.disk_usage(folder).free < _FULL]
    if not full:
        return ""
    return f"The disk of {', '.join(full)} is full: remove files there, or name a folder of another disk."


def _folders(place: BucketLocation | FolderLocation) -> dict[str, Path]:
    """Return the folders that a run writes, by the setting that names each."""
    lake = {"GAMELAKE_URI": place.folder} if isinstance(place, FolderLocation) else {}
    return lake | {"GAMELAKE_LOCAL": LOCAL, "GAMELAKE_DUCKDB": read_settings().gamelake_duckdb.parent}


def check_build() -> None:
    """Check that a build can begin at once. Raises: ScratchError, if another program has its database open."""
    settings = read_settings()
    if settings.gamelake_transform == "one_process":  # no other build opens the file
        check_free(settings.gamelake_duckdb)


def check_reach(place: BucketLocation | FolderLocation) -> None:
    """Ask the lake's bucket and its CDN, once Airflow's database has the connections.

    Raises: FolderError; StoreError.
    """
    if isinstance(place, BucketLocation):
        # In another process: here the tasks look for their connections, and boto3's log is in that of the run.
        command = [sys.executable, "-m", "gamelake.cli", "marts", "list"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        if asked.returncode:
            told = [line for line in asked.stderr.splitlines() if not line.startswith("  ... ")]  # that it still works
            raise FolderError("\n".join(told))
    if cdn := open_cdn():
        with contextlib.suppress(ObjectNotFoundError, DeniedError):
            cdn.get(_ABSENT)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as probe:
            file = Path(probe, "file")
            file.touch()
            _check_links(file)
    except OSError as error:
        raise FolderError(
            f"GAMELAKE_URI: cannot write in {folder}: {error.strerror}; name a folder that you may write"
        ) from error


def _check_links(file: Path) -> None:
    """Check that a file can be linked, as a commit is: that fails if its name is taken. Raises: FolderError."""
    try:
        file.with_name("link").hardlink_to(file)
    except OSError as error:
        raise FolderError(
            f"GAMELAKE_URI: cannot make a hard link in {file.parents[1]}: {error.strerror}; name a folder on a disk "
            "whose file system has hard links, which FAT and exFAT do not"
        ) from error


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE:
        raise FolderError(
            f"{folder}: {free // 2**20:,} MB are free on its disk, expected {MIN_FREE // 2**20:,} MB or more; "
            "remove files there, or name a folder of another disk"
        )

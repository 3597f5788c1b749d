"""What is the disk's alone: whole files, hidden helpers, errors of the file system."""

from __future__ import annotations

import errno
import os
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.store import ObjectNotFoundError, StoreError
from tests.support.errors import having

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.disk import DiskStore
    from gamelake.lake.store import Store


def test_no_reader_sees_half_a_file(disk: Store) -> None:
    versions = [bytes([number]) * 200_000 for number in range(4)]
    disk.put("pointer", versions[0])
    done = Event()

    def write() -> None:
        for round_ in range(60):
            disk.put("pointer", versions[round_ % 4])
        done.set()

    writer = Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        assert disk.get("pointer") in versions
        seen += 1
    writer.join()
    assert seen


@pytest.mark.parametrize(
    ("number", "todo", "if_absent"),
    [
        (errno.ENOSPC, "free space", False),
        (errno.ENOSPC, "free space", True),
        (errno.EDQUOT, "free space", True),
        (errno.EROFS, "mount it for writing", True),
        (errno.ESTALE, "run again", True),
    ],
)
def test_a_put_that_fails_leaves_nothing(
    disk: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, todo: str, *, if_absent: bool
) -> None:
    def failing(_: int) -> None:
        raise OSError(number, os.strerror(number))

    disk.put("raw/other", b"x")
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreError, match=todo, check=having(operation="put", key="raw/key")):
        disk.put("raw/key", b"x", if_absent=if_absent)
    assert [path.name for path in (tmp_path / "lake" / "raw").iterdir()] == ["other"]


def test_what_is_written_is_synced_before_it_has_its_name(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, link = os.fsync, os.link

    def watched_sync(descriptor: int) -> None:
        steps.append("sync")
        sync(descriptor)

    def watched_link(source: Path, target: Path) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "link", watched_link)
    disk.put("raw/key", b"x")  # makes the folders
    steps.clear()
    disk.put("raw/commit", b"x", if_absent=True)
    assert steps == ["sync", "link", "sync"]


def test_hidden_files_are_not_listed(disk: Store, tmp_path: Path) -> None:
    disk.put("raw/key", b"x", tags={"status": "temp"})
    (tmp_path / "lake" / "raw" / ".0123.tmp").write_bytes(b"half")
    (tmp_path / "lake" / ".git").mkdir()
    (tmp_path / "lake" / ".git" / "config").write_bytes(b"")
    assert [info.key for info in disk.list("")] == ["raw/key"]


@pytest.mark.parametrize("damaged", [b"", b'{"stat', b"\xff", b"null"])
def test_damaged_tags_stop_no_writer(disk: Store, tmp_path: Path, damaged: bytes) -> None:
    disk.put("raw/key", b"x", tags={"status": "temp"})
    (tmp_path / "lake" / "raw" / ".key.tags").write_bytes(damaged)
    assert disk.tags("raw/key") == {}


def test_a_key_below_an_object_is_refused(disk: Store) -> None:
    disk.put("raw", b"x")
    with pytest.raises(StoreError, check=having(operation="put", key="raw/key")):
        disk.put("raw/key", b"x")
    with pytest.raises(ObjectNotFoundError):
        disk.get("raw/key")
    disk.delete("raw/key")
    assert list(disk.list("raw/")) == []


def test_a_key_above_objects_is_refused(disk: Store) -> None:
    disk.put("raw/key", b"x")
    for if_absent in (False, True):
        with pytest.raises(StoreError):
            disk.put("raw", b"x", if_absent=if_absent)
    assert [info.key for info in disk.list("")] == ["raw/key"]


def test_a_lake_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert list(open_store((tmp_path / "none").as_uri()).list("")) == []


def test_a_leftover_that_cannot_be_removed_is_named(disk: DiskStore, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "raw" / ".folder.tmp"
    folder.mkdir(parents=True)
    ((path, info),) = disk.leftovers()
    with pytest.raises(StoreError, check=having(operation="delete", key=info.key)):
        disk.remove_leftover(path)

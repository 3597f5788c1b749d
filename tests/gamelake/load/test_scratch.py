"""The scratch folder of a load is deleted when the load ends, and never while its process runs."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import pytest

from gamelake.load.errors import LoadError
from gamelake.load.scratch import scratch_folder
from tests.support.kills import in_child


def left() -> set[Path]:
    return set(Path(tempfile.gettempdir()).iterdir())


def killed() -> int:
    with scratch_folder() as folder:
        (folder / "part").write_bytes(b"rows")
        os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_the_folder_is_deleted_with_its_block() -> None:
    with scratch_folder() as folder:
        (folder / "part").touch()
    with pytest.raises(RuntimeError, match="failed"), scratch_folder():
        raise RuntimeError("failed")
    assert left() == set()


def test_the_error_of_a_full_disk_has_a_hint() -> None:
    def fill() -> None:
        with scratch_folder() as folder:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder / "part"))

    with pytest.raises(LoadError, match=r"the disk of .*scratch is full: .*No space left.* set TMPDIR to another"):
        fill()
    assert left() == set()


def test_a_missing_temporary_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/not/there")
    with pytest.raises(LoadError, match=r"cannot make a folder in /not/there: .* set TMPDIR"), scratch_folder():
        pass


def test_only_the_folder_of_a_killed_process_is_deleted() -> None:
    others = {Path(tempfile.mkdtemp(prefix="gamelake-")), Path(tempfile.mkdtemp(prefix="other-"))}
    (Path(tempfile.gettempdir()) / "gamelake-load-link").symlink_to(next(iter(others)))
    others.add(Path(tempfile.gettempdir()) / "gamelake-load-link")
    with scratch_folder() as living:
        (living / "part").write_bytes(b"rows")
        assert in_child(killed) is None
        [dead] = left() - others - {living}
        assert (dead / "part").exists()

        def look() -> int:
            with scratch_folder() as folder:
                return int(left() == others | {living, folder})

        assert in_child(look) == 1
        assert in_child(killed) is None
        with scratch_folder() as second:
            assert left() == others | {living, second}
        assert (living / "part").read_bytes() == b"rows"
    assert left() == others


def make_many(times: int) -> int:
    for _ in range(times):
        with scratch_folder() as folder:
            (folder / "part").touch()
            os.sched_yield()
            assert (folder / "part").exists()
    return times


def test_loads_at_once_keep_their_own_folders() -> None:
    """Each makes folders while the others look for abandoned ones, between the making and the lock too."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(make_many, [300] * 4, chunksize=1) == [300] * 4
    assert left() == set()

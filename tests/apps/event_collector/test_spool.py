"""The write-ahead files: what a crash leaves in them, and how long they wait."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from apps.event_collector.spool import Batching, Spool, SpoolError, SpoolFullError
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import TableName
from tests.support.collector import GAMES, inbox_events
from tests.support.kills import in_child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

COVERS = TableName("igdb", "covers")
Opened = Callable[..., Spool]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens spools, and closes them at the end."""
    spools: list[Spool] = []

    def open_spool(folder: Path, batching: Batching, **options: int) -> Spool:
        spools.append(Spool(folder, batching, **options))
        return spools[-1]

    yield open_spool
    for each in spools:
        if not each._held.closed:
            each.close()


def line(number: int) -> bytes:
    return b'{"id":%d}\n' % number


def contents(folder: Path) -> dict[str, bytes]:
    return {path.suffix: path.read_bytes() for path in folder.glob("*/*")}


def test_files_are_sealed_by_rows_bytes_and_time(opened: Opened, tmp_path: Path) -> None:
    spool = opened(tmp_path, Batching(rows=3, bytes=100, seconds=1000))
    spool.append({GAMES: [line(1), line(2)]})
    assert spool.files() == 0
    assert 990 < (spool.seal_due() or 0) <= 1000
    spool.append({GAMES: [line(3)], COVERS: [b'{"id":1,"x":"' + b"x" * 100 + b'"}\n']})
    assert sorted(str(each.table) for each in spool.waiting()) == ["igdb.covers", "igdb.games"]
    assert spool.seal_due() is None
    spool.append({GAMES: [line(4)]})
    spool.seal_all()
    (first,) = [each for each in spool.waiting() if each.table == GAMES]
    assert first.read() == line(1) + line(2) + line(3)
    spool.remove(first)
    (second,) = [each for each in spool.waiting() if each.table == GAMES]
    assert second.read() == line(4)
    assert spool.oldest()


def test_one_folder_is_for_one_collector(opened: Opened, tmp_path: Path) -> None:
    first = opened(tmp_path, Batching())
    with pytest.raises(SpoolError, match="another event collector uses this folder"):
        Spool(tmp_path, Batching())
    first.close()
    opened(tmp_path, Batching()).close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="GAMELAKE_EVENT_SPOOL"):
        Spool(tmp_path / "file" / "spool", Batching())


@pytest.mark.parametrize("tail", [b'{"id":9', b"\0" * 500, b"{", b'{"id":9}'])
def test_a_torn_end_is_cut_off(opened: Opened, tmp_path: Path, tail: bytes) -> None:
    spool = opened(tmp_path, Batching())
    spool.append({GAMES: [line(1), line(2)]})
    (path,) = tmp_path.glob("*/*.open")
    with path.open("ab") as file:
        file.write(tail)
    spool._held.close()  # as a kill does
    again = opened(tmp_path, Batching())
    (sealed,) = again.waiting()
    assert (sealed.table, sealed.number) == (GAMES, None)
    assert sealed.read() == line(1) + line(2)
    assert contents(tmp_path) == {".sealed": line(1) + line(2)}
    assert again.damaged_lines == 0


def test_a_damaged_middle_costs_its_lines_and_is_kept(opened: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "igdb.games"
    folder.mkdir()
    (folder / "01764468000123456789.open").write_bytes(line(1) + b"\xff\xfe broken\n" + line(3))
    spool = opened(tmp_path, Batching())
    assert contents(tmp_path) == {".sealed": line(1) + line(3), ".damaged": b"\xff\xfe broken\n"}
    assert spool.damaged_lines == 1


def test_a_start_needs_no_room_on_the_disk(opened: Opened, tmp_path: Path) -> None:
    """The disk was full when the machine crashed, so a file may end with half a line. Its upload makes room."""
    file = tmp_path / "igdb.games" / "01764468000123456789.sealed"
    file.parent.mkdir()

    def child(work: Callable[[], None]) -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        work()
        return 0

    def starts() -> None:
        (sealed,) = opened(tmp_path, Batching()).waiting()
        assert sealed.read() == line(1) * 200

    def is_told() -> None:
        with pytest.raises(SpoolError, match=r"File too large\. Make room there"):
            opened(tmp_path, Batching())

    file.write_bytes(line(1) * 200 + line(2)[:5])
    assert in_child(lambda: child(starts)) == 0
    file.write_bytes(line(1) * 200 + b"damaged\n" + line(2))
    assert in_child(lambda: child(is_told)) == 0


def test_an_empty_file_is_no_part(opened: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "igdb.games"
    folder.mkdir()
    (folder / "01764468000123456789.open").touch()
    assert opened(tmp_path, Batching()).waiting() == []
    assert contents(tmp_path) == {}


def test_a_copy_that_a_person_made_stops_no_start(opened: Opened, tmp_path: Path) -> None:
    """Such as before a move to another machine. It is not uploaded, as the file itself is."""
    names = ("igdb.games (copy)/01764468000123456789.open", "lost+found/01.sealed", "igdb.games/01-copy.sealed")
    for name in (*names, "igdb.games/01764468000123456789.open"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(line(1))
    (sealed,) = opened(tmp_path, Batching()).waiting()
    assert (str(sealed.table), sealed.path.name) == ("igdb.games", "01764468000123456789.sealed")
    assert all((tmp_path / name).exists() for name in names)


def test_the_limit_is_an_error_of_the_disk(opened: Opened, tmp_path: Path) -> None:
    spool = opened(tmp_path, Batching(), max_bytes=25)
    spool.append({GAMES: [line(1), line(2)]})
    with pytest.raises(SpoolFullError):
        spool.append({GAMES: [line(3)]})
    spool.seal_all()
    (sealed,) = spool.waiting()
    spool.remove(sealed)
    spool.append({GAMES: [line(3)]})


def test_a_write_that_fails_half_way_leaves_whole_lines(opened: Opened, tmp_path: Path) -> None:
    """A real limit of the kernel: the write stores a part of its bytes, then fails."""

    def child() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        spool = opened(tmp_path, Batching())
        spool.append({GAMES: [line(1)] * 50})
        with pytest.raises(OSError, match="File too large"):
            spool.append({GAMES: [line(2)] * 200})
        (sealed,) = spool.waiting()
        assert sealed.read() == line(1) * 50
        with pytest.raises(OSError, match="File too large"):
            spool.append({COVERS: [line(2)] * 200})
        assert list((tmp_path / "igdb.covers").iterdir()) == []
        assert spool.bytes == 50 * len(line(1))
        return 0

    assert in_child(child) == 0


def test_a_kill_between_the_part_and_the_removal_makes_no_second_part(
    opened: Opened, disk: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    spool = opened(folder, Batching())
    spool.append({GAMES: [line(1)]})
    spool.seal_all()
    (sealed,) = spool.waiting()
    assert Inbox(disk, GAMES).add(sealed.read(), number=sealed.number, on_try=sealed.tries) == 1
    spool._held.close()
    again = opened(folder, Batching())
    (found,) = again.waiting()
    assert found.number == 1
    inbox = Inbox(disk, GAMES)
    assert inbox.add(found.read(), number=found.number, on_try=found.tries) == 1
    assert inbox.add(line(2)) == 2
    assert [event["id"] for event in inbox_events(disk)] == [1, 2]


def test_a_number_that_another_collector_took_is_left_to_it(opened: Opened, disk: Store, tmp_path: Path) -> None:
    spool = opened(tmp_path / "spool", Batching())
    spool.append({GAMES: [line(1)]})
    spool.seal_all()
    (sealed,) = spool.waiting()
    sealed.tries(1)
    other = Inbox(disk, GAMES)
    for number in range(1, 200):
        assert other.add(line(number + 1)) == number
    assert Inbox(disk, GAMES).add(sealed.read(), number=sealed.number, on_try=sealed.tries) == 200
    assert sealed.path.suffix == ".200"

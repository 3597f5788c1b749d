"""The second try of a run resumes from the parts of the first, and reads only the remaining rows."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.id_ranges import IdRange, ids_outside
from gamelake.lake.manifest import ManifestError, Mode, Part
from gamelake.load import load as load_module
from gamelake.load.checkpoint import RESUME_SECONDS, Progress
from gamelake.load.errors import ContractError, PausedError
from sandbox.igdb import World
from tests.support.errors import having
from tests.support.loads import Loads, check_whole

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from sandbox.igdb import Sandbox

PROGRESS = "raw/igdb/games/dt=2026-11-21/run/_progress.json"


class Killed(BaseException):
    """Stands for a kill that a test can catch."""


def keys(store: Store) -> list[str]:
    return [info.key for info in store.list("raw/igdb/games/dt=")]


def fail_once(monkeypatch: pytest.MonkeyPatch, store: Store, method: str, number: int) -> None:
    """The `number`-th call of a store's method is the last thing that the try does."""
    calls = count(1)
    real = getattr(store, method)

    def call(*given: Any, **options: Any) -> Any:
        if next(calls) == number:
            monkeypatch.setattr(store, method, real)
            raise Killed
        return real(*given, **options)

    monkeypatch.setattr(store, method, call)


def first_try(monkeypatch: pytest.MonkeyPatch, loads: Loads, **options: Any) -> None:
    """A full load that ends when its third part is to be put: two are stored and noted."""
    fail_once(monkeypatch, loads.store, "put_file", 3)
    with pytest.raises(Killed):
        loads.load(**options)
    assert loads.store.info(PROGRESS)


def test_the_next_try_resumes_and_reads_the_remaining_rows(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    progress = Progress.from_json(loads.store.get(PROGRESS))
    assert [file.key[-14:] for file in progress.files] == ["00000.jsonl.gz", "00001.jsonl.gz"]
    assert loads.store.tags(PROGRESS) == {"status": "temp"}
    before = keys(loads.store)
    asked = loads.sandbox.requests_served
    report = loads.load()
    assert report.resumed_rows == sum(file.rows for file in progress.files) > 500
    assert report.rows == report.row_count == report.source_count == 1100
    assert loads.sandbox.requests_served - asked < 6
    assert loads.table_rows() == loads.source_rows()
    assert sorted({*before, *keys(loads.store)} - {PROGRESS}) == keys(loads.store), (
        "no second copy, and the checkpoint is deleted"
    )
    manifest = loads.newest()
    assert [file.key for file in manifest.files][:2] == [file.key for file in progress.files]
    assert {loads.store.tags(file.key)["status"] for file in manifest.files} == {"final"}


def test_the_watermark_is_the_first_trys_clock(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    clock = Progress.from_json(loads.store.get(PROGRESS)).clock
    with sandbox_later(monkeypatch, loads.sandbox, hours=5):
        # What changed between the tries is in neither: the next incremental load must read from the first clock on.
        changed = min(loads.source_rows())
        loads.sandbox.upsert("games", [{"id": changed, "name": "Changed between"}])
        assert loads.load().resumed_rows > 0
        assert loads.newest().cursor == str(clock)
        assert loads.table_rows()[changed]["name"] != "Changed between"
        loads.load(run_id="tomorrow")
    assert loads.table_rows() == loads.source_rows()


def test_parts_of_long_ago_are_read_again(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    with sandbox_later(monkeypatch, loads.sandbox, hours=RESUME_SECONDS / 3600 + 1):
        assert loads.load().resumed_rows == 0
    assert loads.table_rows() == loads.source_rows()


def test_after_another_commit_all_is_read_again(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    loads.load(run_id="other")
    report = loads.load(full_refresh=True)
    assert (report.resumed_rows, report.rows) == (0, 1100)
    assert loads.table_rows() == loads.source_rows()
    assert PROGRESS not in keys(loads.store)


def test_parts_of_another_server_are_read_again(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    assert Progress.from_json(loads.store.get(PROGRESS)).origin == "sandbox"
    loads.sandbox.using(lambda world: setattr(world, "name", "igdb"))
    assert loads.load().resumed_rows == 0
    assert loads.newest().origin == "igdb"


def test_another_run_resumes_nothing(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    assert loads.load(run_id="other").resumed_rows == 0
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize("damage", ["delete", "damage"])
def test_a_part_that_is_not_as_saved_is_read_again(monkeypatch: pytest.MonkeyPatch, damage: str, loads: Loads) -> None:
    first_try(monkeypatch, loads)
    first = Progress.from_json(loads.store.get(PROGRESS)).files[0]
    if damage == "delete":
        loads.store.delete(first.key)
    else:
        loads.store.put(first.key, loads.store.get(first.key)[:-1] + b"!")
    report = loads.load()
    assert 0 < report.resumed_rows < 1100
    assert loads.table_rows() == loads.source_rows()
    assert check_whole(loads.store) == 1


def test_after_an_unreadable_checkpoint_all_is_read_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, loads: Loads
) -> None:
    first_try(monkeypatch, loads)
    loads.store.put(PROGRESS, b'{"mode": "full"}')
    assert loads.load().resumed_rows == 0
    assert "reading all again" in caplog.text
    assert loads.table_rows() == loads.source_rows()


def test_a_rejected_row_is_rejected_by_the_next_try_too(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    bad = min(loads.source_rows())
    loads.sandbox.upsert("games", [{"id": bad, "name": "Bad", "hypes": "many"}])
    first_try(monkeypatch, loads)
    report = loads.load()
    assert (report.rejected, report.row_count, report.source_count) == (1, 1099, 1100)
    assert report.resumed_rows > 0


def test_too_many_rejects_in_two_tries_are_too_many(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    ids = loads.ids()
    loads.sandbox.upsert("games", [{"id": i, "hypes": "many"} for i in ids[:5]])
    first_try(monkeypatch, loads)
    loads.sandbox.upsert("games", [{"id": i, "hypes": "many"} for i in ids[-5:]])
    with pytest.raises(ContractError, check=having(rejected=10)):
        loads.load()
    assert loads.latest() is None


def test_a_run_of_one_part_is_simply_repeated(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    fail_once(monkeypatch, loads.store, "tag", 1)
    with pytest.raises(Killed):
        loads.load("genres")
    assert [info.key.rpartition("/")[2] for info in loads.store.list("raw/igdb/genres/dt=")] == ["part-00000.jsonl.gz"]
    report = loads.load("genres")
    assert (report.resumed_rows, report.requests) == (0, 1)
    assert len(list(loads.store.list("raw/igdb/genres/dt="))) == 1, "the same bytes are used again"


def test_a_time_series_resumes_within_its_day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: Loads) -> None:
    rows = [{"id": 1 + 5 * i, "game_id": i, "popularity_type": 1, "value": 0.5} for i in range(1100)]
    loads.sandbox.upsert("popularity_primitives", rows)
    fail_once(monkeypatch, loads.store, "put_file", 2)
    with pytest.raises(Killed):
        loads.load("popscore", part_bytes=1000)
    report = loads.load("popscore", part_bytes=1000)
    assert 0 < report.resumed_rows < report.rows
    assert loads.table_rows("popscore") == loads.source_rows("popularity_primitives")


@pytest.mark.parametrize(("name", "is_refused"), [("popscore", True), ("genres", False)])
def test_a_day_is_not_read_before_and_after_a_long_sleep(
    monkeypatch: pytest.MonkeyPatch, name: str, is_refused: bool, loads: Loads
) -> None:
    clock = iter([1_000_000.0, 1_000_000.0 + RESUME_SECONDS + 60])
    monkeypatch.setattr(load_module, "time", SimpleNamespace(time=lambda: next(clock), monotonic=time.monotonic))
    if is_refused:
        with pytest.raises(PausedError, match=r"igdb.popscore: 6.0 hours passed .* this machine slept"):
            loads.load(name)
    else:
        loads.load(name)
    assert (loads.latest(name) is None) is is_refused


def test_a_cleared_run_loads_again_and_keeps_one_copy(loads: Loads) -> None:
    loads.load()
    before = keys(loads.store)
    report = loads.load(full_refresh=True)
    assert (report.version, report.resumed_rows, report.rows) == (2, 0, 1100)
    assert keys(loads.store) == before, "the same rows are the same parts"


def test_a_retry_after_the_commit_brings_only_what_changed(loads: Loads) -> None:
    loads.load()
    report = loads.load()
    assert (report.mode, report.version, report.row_count) == ("incremental", 2, 1100)
    assert report.requests <= 3
    assert loads.table_rows() == loads.source_rows()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"files": 3}',
        b'{"mode": "half", "base_version": 0, "clock": 0, "origin": null, "files": []}',
    ],
)  # fmt: skip
def test_an_invalid_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        Progress.from_json(data)


def test_progress_is_read_as_it_was_written(make_progress_file: Part) -> None:
    progress = Progress(Mode.FULL, 3, 1_763_668_800, "igdb", (make_progress_file,))
    assert Progress.from_json(progress.to_json()) == progress


@pytest.mark.parametrize(
    ("claims", "gaps"),
    [
        ([], [(0, None)]),
        ([(0, None)], []),
        ([(0, 500)], [(500, None)]),
        ([(500, 1000)], [(0, 500), (1000, None)]),
        ([(0, 500), (700, 900), (500, 600), (1000, None)], [(600, 700), (900, 1000)]),
    ],
)
def test_ids_outside_of_the_claims(claims: list[tuple[int, int | None]], gaps: list[tuple[int, int | None]]) -> None:
    assert ids_outside(IdRange(*claim) for claim in claims) == tuple(IdRange(*gap) for gap in gaps)


@pytest.fixture
def make_progress_file() -> Any:
    return Part(
        "raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz", "2026-11-21", 1, 9, "ab" * 32, 4, 4, 7, (IdRange(0, 9),)
    )


class sandbox_later:  # noqa: N801 - reads as the context that it is
    """The source's clock is so many hours ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, *, hours: float) -> None:
        self._patch = monkeypatch
        self._now = sandbox.clock() + timedelta(hours=hours)

    def __enter__(self) -> None:
        self._clock = World.clock
        self._patch.setattr(World, "clock", lambda _world: self._now)

    def __exit__(self, *_: object) -> None:
        self._patch.setattr(World, "clock", self._clock)

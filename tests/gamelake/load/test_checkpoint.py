"""A second try of a run takes over what the first has stored, and asks only for the rest."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.id_ranges import IdRange, ids_outside
from gamelake.lake.manifest import File, ManifestError, Mode
from gamelake.lake.table import Table
from gamelake.load.checkpoint import RESUME_SECONDS, Progress
from gamelake.load.errors import ContractError
from sandbox.igdb import World
from tests.support.loads import (
    check_whole,
    held,
    load_once,
    shown,
)
from tests.support.tables import IGDB_GAMES, newest_commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from gamelake.lake.store import Store
    from igdb.client import IgdbClient
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


def first_try(monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], **options: Any) -> None:
    """A full load that ends when its third part is to be put: two are stored and noted."""
    fail_once(monkeypatch, store, "put_file", 3)
    with pytest.raises(Killed):
        load_once(client(), store, **options)
    assert store.info(PROGRESS)


def test_the_next_try_takes_over_and_asks_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    first_try(monkeypatch, store, client)
    progress = Progress.from_json(store.get(PROGRESS))
    assert [file.key[-14:] for file in progress.files] == ["00000.jsonl.gz", "00001.jsonl.gz"]
    assert store.tags(PROGRESS) == {"status": "temp"}
    before = keys(store)
    asked = sandbox.requests_served
    report = load_once(client(), store)
    assert report.resumed_rows == sum(file.rows for file in progress.files) > 500
    assert report.rows == report.row_count == report.source_count == 1100
    assert sandbox.requests_served - asked < 6
    assert shown(store) == held(sandbox)
    assert sorted({*before, *keys(store)} - {PROGRESS}) == keys(store), "no second copy, and the note is gone"
    manifest = newest_commit(store)
    assert [file.key for file in manifest.files][:2] == [file.key for file in progress.files]
    assert {store.tags(file.key)["status"] for file in manifest.files} == {"final"}


def test_the_watermark_is_the_first_trys_clock(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    first_try(monkeypatch, store, client)
    clock = Progress.from_json(store.get(PROGRESS)).clock
    with sandbox_later(monkeypatch, sandbox, hours=5):
        # What changed between the tries is in neither: the next incremental load must read from the first clock on.
        changed = min(held(sandbox))
        sandbox.upsert("games", [{"id": changed, "name": "Changed between"}])
        assert load_once(client(), store).resumed_rows > 0
        assert newest_commit(store).cursor == str(clock)
        assert shown(store)[changed]["name"] != "Changed between"
        load_once(client(), store, run_id="tomorrow")
    assert shown(store) == held(sandbox)


def test_parts_of_long_ago_are_read_again(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    first_try(monkeypatch, store, client)
    with sandbox_later(monkeypatch, sandbox, hours=RESUME_SECONDS / 3600 + 1):
        assert load_once(client(), store).resumed_rows == 0
    assert shown(store) == held(sandbox)


def test_another_commit_in_between_is_a_new_start(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    first_try(monkeypatch, store, client)
    load_once(client(), store, run_id="other")
    report = load_once(client(), store, full_refresh=True)
    assert (report.resumed_rows, report.rows) == (0, 1100)
    assert shown(store) == held(sandbox)
    assert PROGRESS not in keys(store)


def test_parts_of_another_server_are_read_again(monkeypatch, store, client, sandbox):
    first_try(monkeypatch, store, client)
    assert Progress.from_json(store.get(PROGRESS)).origin == "sandbox"
    sandbox.using(lambda world: setattr(world, "name", "igdb"))
    assert load_once(client(), store).resumed_rows == 0
    assert Table(store, TableName("igdb", "games")).latest().origin == "igdb"


def test_another_run_takes_over_nothing(monkeypatch, store, client, sandbox):
    first_try(monkeypatch, store, client)
    assert load_once(client(), store, run_id="other").resumed_rows == 0
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize("spoil", ["delete", "damage"])
def test_a_part_that_is_not_what_was_noted_is_read_again(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox, spoil: str
) -> None:
    first_try(monkeypatch, store, client)
    first = Progress.from_json(store.get(PROGRESS)).files[0]
    if spoil == "delete":
        store.delete(first.key)
    else:
        store.put(first.key, store.get(first.key)[:-1] + b"!")
    report = load_once(client(), store)
    assert 0 < report.resumed_rows < 1100
    assert shown(store) == held(sandbox)
    assert check_whole(store) == 1


def test_a_note_that_cannot_be_read_is_a_new_start(
    monkeypatch: pytest.MonkeyPatch,
    store: Store,
    client: Callable[[], IgdbClient],
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first_try(monkeypatch, store, client)
    store.put(PROGRESS, b'{"mode": "full"}')
    assert load_once(client(), store).resumed_rows == 0
    assert "reading all again" in caplog.text
    assert shown(store) == held(sandbox)


def test_a_rejected_row_is_rejected_by_the_next_try_too(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    bad = min(held(sandbox))
    sandbox.upsert("games", [{"id": bad, "name": "Bad", "hypes": "many"}])
    first_try(monkeypatch, store, client)
    report = load_once(client(), store)
    assert (report.rejected, report.row_count, report.source_count) == (1, 1099, 1100)
    assert report.resumed_rows > 0


def test_too_many_rejects_in_two_tries_are_too_many(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    ids = sorted(held(sandbox))
    sandbox.upsert("games", [{"id": i, "hypes": "many"} for i in ids[:5]])
    first_try(monkeypatch, store, client)
    sandbox.upsert("games", [{"id": i, "hypes": "many"} for i in ids[-5:]])
    with pytest.raises(ContractError, match="10 of"):
        load_once(client(), store)
    assert Table(store, IGDB_GAMES).latest() is None


def test_a_run_of_one_part_is_simply_repeated(
    monkeypatch: pytest.MonkeyPatch, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    fail_once(monkeypatch, store, "tag", 1)
    with pytest.raises(Killed):
        load_once(client(), store, "genres")
    assert [info.key.rpartition("/")[2] for info in store.list("raw/igdb/genres/dt=")] == ["part-00000.jsonl.gz"]
    report = load_once(client(), store, "genres")
    assert (report.resumed_rows, report.requests) == (0, 1)
    assert len(list(store.list("raw/igdb/genres/dt="))) == 1, "the same bytes are used again"


def test_a_time_series_resumes_within_its_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    rows = [{"id": 1 + 5 * i, "game_id": i, "popularity_type": 1, "value": 0.5} for i in range(1100)]
    sandbox.upsert("popularity_primitives", rows)
    fail_once(monkeypatch, store, "put_file", 2)
    with pytest.raises(Killed):
        load_once(client(), store, "popscore", part_bytes=1000)
    report = load_once(client(), store, "popscore", part_bytes=1000)
    assert 0 < report.resumed_rows < report.rows
    assert shown(store, "popscore") == held(sandbox, "popularity_primitives")


def test_a_cleared_run_loads_again_and_keeps_one_copy(
    store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    load_once(client(), store)
    before = keys(store)
    report = load_once(client(), store, full_refresh=True)
    assert (report.version, report.resumed_rows, report.rows) == (2, 0, 1100)
    assert keys(store) == before, "the same rows are the same parts"


def test_a_retry_after_the_commit_brings_only_what_changed(
    store: Store, client: Callable[[], IgdbClient], sandbox: Sandbox
) -> None:
    load_once(client(), store)
    report = load_once(client(), store)
    assert (report.mode, report.version, report.row_count) == ("incremental", 2, 1100)
    assert report.requests <= 3
    assert shown(store) == held(sandbox)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"files": 3}',
        b'{"mode": "half", "base_version": 0, "clock": 0, "origin": null, "files": []}',
    ],
)  # fmt: skip
def test_what_is_no_progress_is_refused(data):
    with pytest.raises(ManifestError, match="progress: found"):
        Progress.from_json(data)


def test_progress_is_read_as_it_was_written(make_progress_file):
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
def test_what_is_not_claimed(claims: Any, gaps: Any) -> None:
    assert ids_outside(IdRange(*claim) for claim in claims) == tuple(IdRange(*gap) for gap in gaps)


@pytest.fixture
def make_progress_file() -> Any:
    return File(
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

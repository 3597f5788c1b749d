"""What a Parquet file is; and what a build and a check tell of a temporary folder whose disk is full."""

from __future__ import annotations

import resource
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.store import StoreError
from gamelake.marts.parquet import inspect_parquet
from gamelake.quality.record import record
from tests.gamelake.marts.test_unbuildable import left_out, part, values
from tests.support.kills import in_child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gamelake.lake.store import Store

KEY = "marts/dt=2026-11-21/run/dim_games.parquet"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


@pytest.mark.parametrize("work", ["publish", "check", "past day", "past day in DuckDB"])
def test_a_full_temporary_folder_is_named(store: Store, tmp_path: Path, work: str) -> None:
    """No file of the child may have more than some bytes: the system refuses it as a full disk does."""
    file, rows = tmp_path / "any.parquet", values(range(1, 2000))
    duckdb.sql(f"copy (select i, random() as number from range(1000) as rows(i)) to '{file}' (format parquet)")
    store.put_file(KEY, file)
    past, newest = part(store, rows), part(store, values([1]), day="2026-11-21")
    ids = part(store, [{"id": n, "text": "as long as others"} for n in range(1, 9000)], day="2026-11-19")
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "publish": (100, lambda: inspect_parquet(store, KEY)),
        "check": (100, lambda: record(store, [], at=datetime.now(UTC), generation=None)),
        "past day": (100, lambda: left_out(store, past, newest)),
        "past day in DuckDB": (past.bytes + 9000, lambda: left_out(store, past, known={"igdb.games": [ids]})),
    }

    def run() -> int:
        limit, act = works[work]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            act()
        except StoreError as error:
            return int("is full: " in error.reason and "set TMPDIR to another folder" in error.reason)
        return 2

    assert in_child(run) == 1


def test_a_file_that_is_no_parquet_is_named(store: Store) -> None:
    store.put(KEY, b"<html>")
    with pytest.raises(StoreError, match="no Parquet file") as raised:
        inspect_parquet(store, KEY)
    assert raised.value.key == KEY

"""SIGKILL at every step of a publication: who reads it sees one whole generation, and the next try ends it."""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.lake.disk import DiskStore
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Draft, Mode, Part
from gamelake.lake.table import Table
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import History, read
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.history import written_key
from gamelake.marts.pointer import current
from gamelake.registry import load_sources
from tests.support.kills import Steps, in_child
from tests.support.stores import new_client as new_s3
from tests.support.tables import IGDB_POPSCORE

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

POPSCORE = load_sources()["igdb"].entities["popscore"]
DAYS = (date(2026, 11, 20), date(2026, 11, 21))
COPIES = {"dim_games": "marts/dim_games.parquet", "mart_top_rated": "marts/marketing/mart_top_rated.parquet"}


def load_day(store: Store, day: date) -> None:
    """A commit of the time series; its part is not looked into here."""
    key = f"raw/igdb/popscore/dt={day}/run/part-00000.jsonl.gz"
    store.put(key, b"x")
    file = Part(
        key=key,
        partition=str(day),
        rows=1,
        bytes=1,
        sha256=hashlib.sha256(b"x").hexdigest(),
        min_id=1,
        max_id=1,
        max_updated_at=None,
        claims=(IdRange(0, None),),
    )
    Table(store, IGDB_POPSCORE).commit(
        lambda newest: Draft(
            run_id="run",
            partition=str(day),
            mode=Mode.SNAPSHOT,
            cursor=None,
            source_count=1,
            row_count=1,
            files=(*(newest.files if newest else ()), file),
        )
    )


def build(store: Store, day: date, parquet: Path) -> str:
    """What dbt leaves: a file a mart, and the day of the history, each with the day in it."""
    load_day(store, day)
    generation = open_generation(store, [POPSCORE], day=day, run_id="run")
    notes = "kv_metadata {current_rows: '1', superseded_rows: '0', voided_rows: '0'}"
    duckdb.sql(f"copy (select '{day}' as day) to '{parquet}' (format parquet, {notes})")
    for name in COPIES:
        store.put_file(f"{generation}/{name}.parquet", parquet)
    for each in read(store, f"{generation}/_inputs.json", Inputs).days:
        if not each.is_built:
            store.put_file(written_key(generation, each.day), parquet)
    return generation


def check_whole(store: Store, expected: set[str]) -> None:
    """What a reader finds by the pointer, and at the fixed paths. `expected` are the generations that it may find."""
    pointer = current(store)
    assert pointer is not None
    assert pointer.generation in expected
    listed = read(store, pointer.history, History).days
    assert max(entry.day for entry in listed) == pointer.day
    files = [(each.key, each.sha256) for each in pointer.marts] + [(each.key, each.sha256) for each in listed]
    for key, sha256 in files:
        assert hashlib.sha256(store.get(key)).hexdigest() == sha256
    whole = {hashlib.sha256(store.get(f"{each}/dim_games.parquet")).hexdigest() for each in expected}
    for copy in COPIES.values():
        assert hashlib.sha256(store.get(copy)).hexdigest() in whole


def check_published(store: Store, generation: str) -> None:
    check_whole(store, {generation})
    for name, copy in COPIES.items():
        assert store.get(copy) == store.get(f"{generation}/{name}.parquet")


def check_next_try(store: Store, old: str, new: str) -> None:
    """After a kill readers see one of the two, and the next try shows the new one."""
    check_whole(store, {old, new})
    publish(store, new, COPIES)
    check_published(store, new)


def test_killed_at_every_step_on_disk(tmp_path: Path) -> None:
    store = open_store((tmp_path / "before").as_uri())
    old = build(store, DAYS[0], tmp_path / "any.parquet")
    publish(store, old, COPIES)
    for kill_at in count(1):
        folder = tmp_path / f"lake-{kill_at}"
        shutil.copytree(tmp_path / "before", folder)
        store = DiskStore(folder)
        new = build(store, DAYS[1], tmp_path / "any.parquet")

        def run(kill_at: int = kill_at, folder: Path = folder, store: Store = store, new: str = new) -> int:
            Steps(kill_at).watch_disk(folder)
            publish(store, new, COPIES)
            return 0

        ended = in_child(run)
        check_next_try(store, old, new)
        if ended is not None:
            break
    assert kill_at > 15, "so many steps has a publication; with fewer, the hooks did not see them"


@pytest.mark.slow
def test_killed_at_every_request_on_s3(bucket: str, s3: Any, moto_endpoint: str, tmp_path: Path) -> None:
    for kill_at in count(1, 3):  # a sample: what differs from a disk is the order of requests within a step
        store = open_store(f"s3://{bucket}/lake-{kill_at}", s3=s3)
        old = build(store, DAYS[0], tmp_path / "any.parquet")
        publish(store, old, COPIES)
        new = build(store, DAYS[1], tmp_path / "any.parquet")

        def run(kill_at: int = kill_at, uri: str = store.uri, new: str = new) -> int:
            own = new_s3(moto_endpoint)
            Steps(kill_at).watch_s3(own)
            publish(open_store(uri, s3=own), new, COPIES)
            return 0

        ended = in_child(run)
        check_next_try(store, old, new)
        if ended is not None:
            break
    assert kill_at > 15


def test_readers_of_the_old_generation_are_not_disturbed(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    old = build(store, DAYS[0], tmp_path / "any.parquet")
    published = publish(store, old, COPIES).generation.marts[0]
    with store.open(published.key) as mart, store.open(published.copy) as copy:
        publish(store, build(store, DAYS[1], tmp_path / "any.parquet"), COPIES)
        for open_file in (mart, copy):
            assert hashlib.sha256(open_file.read()).hexdigest() == published.sha256
    with pytest.raises(AssertionError):
        check_published(store, old)  # a new reader does not find it any more

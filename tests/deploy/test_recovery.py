"""What docs/guides/deploy/backup.md states of each loss: what is seen, and what brings it back."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.load.errors import LostPartError
from gamelake.maintenance.audit import audit
from gamelake.maintenance.restore import restore
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import INPUTS, POINTER, PUBLICATIONS, read
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.history import written_key
from gamelake.marts.pointer import current, history
from gamelake.marts.rollback import rollforward
from gamelake.registry import load_sources
from tests.deploy.iam import Policy
from tests.deploy.recorded_s3 import recording_server
from tests.support.loads import load_once, new_client, small_sandbox, source_rows, table_rows, token_of
from tests.support.stores import new_client as new_s3_client
from tests.support.tables import IGDB_GAMES, IGDB_POPSCORE, newest_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path, PurePath

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from sandbox.igdb import Sandbox

DAY = date(2026, 11, 21)
POPSCORE = load_sources()["igdb"].entities["popscore"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


@pytest.fixture
def sandbox() -> Iterator[tuple[Sandbox, str]]:
    with small_sandbox(60) as served:
        yield served


@pytest.fixture
def load(store: Store, sandbox: tuple[Sandbox, str]) -> Callable[..., LoadReport]:
    """Makes a load of games; three are made already, each with a change: a table of three commits and three parts."""
    source, url = sandbox
    token = token_of(source)
    number = iter(range(1, 100))

    def make(**options: Any) -> LoadReport:
        n = next(number)
        source.upsert("games", [{"id": 3, "name": f"Change {n}"}])
        return load_once(new_client(url, token), store, run_id=f"run-{n}", **options)

    for _ in range(3):
        make()
    return make


def missing(store: Store) -> list[str]:
    report = audit(store, [IGDB_GAMES], older_than=timedelta(hours=48), remove=False)
    return [finding.key for finding in report.broken]


def test_a_pointer_is_made_again_by_the_next_load(
    store: Store, load: Callable[..., LoadReport], sandbox: tuple[Sandbox, str]
) -> None:
    store.delete(IGDB_GAMES.pointer_key)
    assert table_rows(store) == source_rows(sandbox[0]), "who may list does not need it"
    assert load().version == 4
    assert store.get(IGDB_GAMES.pointer_key) == store.get(IGDB_GAMES.manifest_key(4))


def test_the_newest_commit_is_brought_back_from_its_copy(
    store: Store, load: Callable[..., LoadReport], sandbox: tuple[Sandbox, str]
) -> None:
    lost = IGDB_GAMES.manifest_key(3)
    before = store.get(lost)
    store.delete(lost)
    assert missing(store) == [lost]
    store.put(lost, store.get(IGDB_GAMES.pointer_key), if_absent=True)
    assert store.get(lost) == before
    assert missing(store) == []
    assert load().version == 4
    assert table_rows(store) == source_rows(sandbox[0])


def test_without_an_older_commit_loads_go_on(
    store: Store, load: Callable[..., LoadReport], sandbox: tuple[Sandbox, str]
) -> None:
    lost = IGDB_GAMES.manifest_key(2)
    store.delete(lost)
    assert load().version == 4
    assert table_rows(store) == source_rows(sandbox[0])
    assert missing(store) == [lost]


def test_a_part_is_brought_back_by_a_full_refresh(
    store: Store, load: Callable[..., LoadReport], sandbox: tuple[Sandbox, str]
) -> None:
    lost = newest_commit(store).files[0].key
    store.delete(lost)
    assert missing(store) == [lost]
    with pytest.raises(LostPartError, match=lost):
        load()
    assert (load(full_refresh=True).mode, table_rows(store)) == ("full", source_rows(sandbox[0]))
    report = audit(store, [IGDB_GAMES], older_than=timedelta(hours=48), remove=False)
    assert {finding.reason for finding in report.broken} == {"version 3 of 2026-11-21 names it"}, "for seven days more"


def test_a_table_is_brought_back_by_its_next_load(
    store: Store, load: Callable[..., LoadReport], sandbox: tuple[Sandbox, str]
) -> None:
    for info in list(store.list("raw/igdb/games/")):
        store.delete(info.key)
    assert (load().mode, table_rows(store)) == ("full", source_rows(sandbox[0]))
    assert missing(store) == []


def write_day(store: Store, scratch: Path, day: str) -> None:
    """A day of popularity, as a load commits it."""
    with PartStage(store, LoadRun(IGDB_POPSCORE, day, day), scratch=scratch) as stage:
        stage.add(Rows(b'{"id": 1}\n', [1], None), IdRange(0, None))
        parts = stage.finish()
    Table(store, IGDB_POPSCORE).commit(
        lambda newest: Draft(
            run_id=day,
            partition=day,
            mode=Mode.SNAPSHOT,
            cursor=None,
            source_count=1,
            row_count=1,
            files=(*(newest.files if newest else ()), *parts),
        )
    )


def inputs_of(store: Store, generation: str) -> Inputs:
    return read(store, f"{generation}/{INPUTS}", Inputs)


def build(store: Store, run_id: str) -> str:
    """A build whose marts are one file, with the days of the history that it is told to write."""
    generation = open_generation(store, [POPSCORE], day=DAY, run_id=run_id)
    for day in inputs_of(store, generation).days:
        if not day.is_built:
            notes = "kv_metadata {current_rows: '1', superseded_rows: '0', voided_rows: '0'}"
            path = store.url(written_key(generation, day.day))
            duckdb.sql(f"copy (select 1 as id) to '{path}' (format parquet, {notes})")
    duckdb.sql(f"copy (select 1 as id) to '{store.url(f'{generation}/mart.parquet')}' (format parquet)")
    publish(store, generation, {"mart": "marts/mart.parquet"})
    return generation


@pytest.fixture
def published(store: Store, tmp_path: Path) -> str:
    """Two days of popularity, and the generation that shows them."""
    for day in ("2026-11-20", "2026-11-21"):
        write_day(store, tmp_path / "scratch", day)
    return build(store, "first")


def test_the_readers_pointer_is_a_copy(store: Store, published: str) -> None:
    before = store.get(POINTER)
    store.delete(POINTER)
    assert current(store) is None
    rollforward(store, by="hana")
    assert store.get(POINTER) == before
    assert before == store.get(f"{published}/_generation.json")


def test_copies_at_fixed_paths_come_back(store: Store, published: str) -> None:
    before = store.get("marts/mart.parquet")
    store.delete("marts/mart.parquet")
    rollforward(store, by="hana")
    assert store.get("marts/mart.parquet") == before


def test_without_the_numbered_publications_the_pointer_counts(store: Store, published: str) -> None:
    for info in list(store.list(PUBLICATIONS)):
        store.delete(info.key)
    assert publish(store, open_like(store, published), {"mart": "marts/mart.parquet"}).is_published
    (only,) = history(store)
    assert (only.number, only.replaced) == (1, published)


def open_like(store: Store, published: str) -> str:
    """A second build of the day, whole."""
    generation = open_generation(store, [POPSCORE], day=DAY, run_id="second")
    store.copy(f"{published}/mart.parquet", f"{generation}/mart.parquet")
    return generation


def history_of(store: Store, generation: str) -> list[tuple[str, str]]:
    """The days of its history, each with the identity of its parts: the build's own id follows in the file's name."""
    return [(str(day.day), PurePath(day.key).name.split("-")[0]) for day in inputs_of(store, generation).days]


def test_all_marts_come_back_from_the_tables(store: Store, published: str) -> None:
    days = history_of(store, published)
    for info in list(store.list("marts/")):
        store.delete(info.key)
    generation = build(store, "again")
    assert history_of(store, generation) == days, "every day of the history, from the same parts"
    assert inputs_of(store, generation).previous == (), "ranks are compared again from the next day on"
    assert not audit(store, [], older_than=timedelta(hours=48), remove=False).broken


def test_a_lost_bucket_comes_back_from_a_copy_as_its_policies_allow(
    store: Store,
    load: Callable[..., LoadReport],
    published: str,
    sandbox: tuple[Sandbox, str],
    access: dict[str, Any],
) -> None:
    with recording_server() as recordings:
        back = open_store("s3://lake/deep/lake", s3=new_s3_client(recordings[0].endpoint))
        restore(store, back)
        needs = set(recordings[0].needs)
        assert [need for need in needs if Policy.of(access["bucket_policy"]).denies(need)] == []
        assert [need for need in needs if not Policy.of(access["policies"]["setup"]).allows(need)] == []

        copied = {info.key: store.get(info.key) for info in store.list("")}
        assert {info.key: back.get(info.key) for info in back.list("")} == copied
        assert table_rows(back) == source_rows(sandbox[0])
        source, url = sandbox
        source.upsert("games", [{"id": 3, "name": "After the restore"}])
        assert load_once(new_client(url, token_of(source)), back, run_id="after").version == 4
        report = audit(back, [IGDB_GAMES, IGDB_POPSCORE], older_than=timedelta(hours=48), remove=False)
        assert not report.broken

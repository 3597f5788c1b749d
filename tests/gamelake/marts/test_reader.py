"""Readers get one generation, on every kind of store, newest or of a day."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pytest
from msgspec.structs import replace

from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import open_store
from gamelake.lake.https import HttpsStore
from gamelake.lake.store import StoreError
from gamelake.marts.documents import RECORD, History, PublishedMart, encode
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import publish
from gamelake.marts.parquet import inspect_parquet
from gamelake.marts.reader import Marts, NotPublishedError, open_marts
from gamelake.marts.rollback import rollback
from gamelake.paths import REPOSITORY
from tests.support.generations import document_of, entry, finished

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import ReadableStore, Store
    from tests.support.cdn import CachingCdn

DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
MARTS = ("dim_games", "mart_top_rated")
HISTORY = "fct_game_popularity_daily"


def show(store: Store, folder: Path, *days: str) -> list[str]:
    """Publish a generation of each day, with two marts and a day of the history. Returns: their keys."""
    made: list[str] = []
    for day in days:
        key, file = f"marts/dt={day}/run", folder / "any.parquet"
        columns = f"1 as game_id, '{day}' as game_name, 9.5 as weighted_rating, 2026 as release_year"
        duckdb.sql(f"copy (select {columns}) to '{file}' (format parquet)")
        names = {name: f"{key}/{name}.parquet" for name in MARTS}
        past = f"marts/history/{HISTORY}/day={day}/identity-build.parquet"
        for written in (*names.values(), past):
            store.put_file(written, file)
        marts = [document_of_mart(store, name, written) for name, written in names.items()]
        document = document_of(key, day=day, previous=made[-1] if made else None, marts=tuple(marts))
        day_of = replace(entry(past, day), bytes=store.info(past).size)
        store.put(document.history, encode(History(days=(day_of,), left_out=())))
        store.put(f"{key}/{RECORD}", encode(document))
        publish(store, key, {})
        made.append(key)
    return made


def document_of_mart(store: Store, name: str, key: str) -> PublishedMart:
    found = inspect_parquet(store, key)
    copy = f"marts/{name}.parquet"
    return PublishedMart(name=name, key=key, rows=found.rows, bytes=found.bytes, sha256=found.sha256, copy=copy)


@pytest.fixture(params=["disk", "s3", "https"])
def places(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Store, ReadableStore]:
    """A store to publish in, and the same lake as a reader reaches it."""
    if request.param == "disk":
        store = open_store((tmp_path / "a [lake]*").as_uri())
        return store, store
    monkeypatch.setenv("GAMELAKE_DUCKDB_EXTENSIONS", str(link_extensions(tmp_path / "extensions")))
    s3 = open_store(f"s3://{request.getfixturevalue('bucket')}/some/lake", s3=request.getfixturevalue("s3"))
    if request.param == "s3":
        return s3, s3
    cdn: CachingCdn = request.getfixturevalue("cdn")
    return s3, HttpsStore(f"{cdn.url}/some/lake")


def test_a_reader_gets_the_newest_generation_and_that_of_a_day(
    places: tuple[Store, ReadableStore], tmp_path: Path
) -> None:
    store, lake = places
    show(store, tmp_path, *DAYS)
    for day, expected in ((None, DAYS[2]), (date(2026, 11, 20), DAYS[1]), (date(2026, 12, 1), DAYS[2])):
        with open_marts(lake, day=day) as marts:
            assert str(marts.generation.day) == expected
            assert marts.relation("dim_games").project("game_name").fetchall() == [(expected,)]
            assert marts.names == sorted([*MARTS, HISTORY])
            assert marts.relation(HISTORY).project("day, game_name").fetchall() == [
                (date.fromisoformat(expected), expected)
            ]
            assert {mart.name: mart.rows for mart in marts.generation.marts} == dict.fromkeys(MARTS, 1)
            joined = (
                f"select count(*) from {marts.scan(MARTS[0])} as a join {marts.scan(MARTS[1])} as b using (game_id)"
            )
            assert marts.connection.sql(joined).fetchall() == [(1,)]


def test_a_cdn_has_no_restricted_mart(places: tuple[Store, ReadableStore], tmp_path: Path) -> None:
    store, lake = places
    show(store, tmp_path, DAYS[0])
    shown = open_marts(lake).generation
    name = "mart_market_overview"
    restricted = replace(shown.marts[0], name=name, copy=f"marts/restricted/{name}.parquet")
    with Marts(lake, replace(shown, marts=(*shown.marts, restricted))) as marts:
        assert (name in marts.names, restricted in marts.readable) == (lake is store, lake is store)
        if lake is store:
            assert marts.relation(name).count("*").fetchall() == [(1,)]
        else:
            with pytest.raises(TransformError, match=f"mart: found '{name}', which is restricted: no CDN has it"):
                marts.urls(name)


def test_an_open_reader_stays_with_its_generation(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    show(store, tmp_path, DAYS[0])
    with open_marts(store) as before:
        show(store, tmp_path, DAYS[1])
        assert before.relation("dim_games").project("game_name").fetchall() == [(DAYS[0],)]
        assert before.relation("mart_top_rated").project("game_name").fetchall() == [(DAYS[0],)]


def test_a_rollback_counts(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    keys = show(store, tmp_path, *DAYS)
    rollback(store, None, by="hana")
    for day in (None, date(2026, 11, 21)):
        assert open_marts(store, day=day).generation.generation == keys[1]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    with pytest.raises(NotPublishedError, match=r"nothing is published yet in .*; run the DAG `transform`"):
        open_marts(store)
    keys = show(store, tmp_path, *DAYS)
    with pytest.raises(NotPublishedError, match=r"day: found 2026-11-18, expected 2026-11-19 or later"):
        open_marts(store, day=date(2026, 11, 18))
    store.delete(f"{keys[0]}/{RECORD}")
    with pytest.raises(NotPublishedError, match=r"expected 2026-11-20 or later"):
        open_marts(store, day=date(2026, 11, 19))
    for checked in ("mart_service_levels", "mart_data_quality"):
        with pytest.raises(TransformError, match=f"mart: {checked} .* had none yet: run `gamelake quality --check`"):
            open_marts(store).urls(checked)
    with pytest.raises(TransformError, match=r"mart: found 'dim_game', expected one of dim_games, "):
        open_marts(store).urls("dim_game")


@pytest.mark.parametrize(
    ("written", "path", "found", "expected"),
    [
        (b"<html>", "document", b"<html>", "JSON"),
        (b"[]", "document", [], "object"),
        (b'{"generation": 7}', "generation", 7, "str"),
        (b'{"generation": "g", "previous": null, "day": "today"}', "day", "today", "date"),
        (b'{"generation": "g", "previous": null, "day": "2026-11-21"}', "run_id", None, "the key is missing"),
    ],
)
def test_a_wrong_pointer_is_refused(tmp_path: Path, written: bytes, path: str, found: object, expected: str) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    store.put("marts/_current.json", written)
    with pytest.raises(DocumentError) as raised:
        open_marts(store)
    assert (raised.value.key, raised.value.found) == (f"marts/_current.json: {path}", found)
    assert expected in raised.value.expected


def test_the_examples_of_the_docs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    show(store, tmp_path, *DAYS)
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    text = (REPOSITORY / "docs/reference/read-the-marts.md").read_text("utf-8")
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    printed = []
    for example in (each for each in examples if "airflow" not in each):  # that one is a DAG
        exec(compile(example, "example", "exec"), {})  # noqa: S102 - our own docs
        printed.append(capsys.readouterr().out)
    newest, of_day, files = printed
    assert "2026-11-21" in newest
    assert "release_year" in newest
    assert of_day == "2026-11-20 {'dim_games': 1, 'mart_top_rated': 1}\n"
    assert "day=2026-11-21/identity-build.parquet" in files


@pytest.mark.parametrize("above", ["env=prod", "day=5", "day=2020-01-01"])
def test_a_folder_above_the_lake_is_no_column_and_no_day(tmp_path: Path, above: str) -> None:
    """The history had a column `env`, could not be read, or had the day of the folder for each of its days."""
    store = open_store((tmp_path / above / "lake").as_uri())
    show(store, tmp_path, *DAYS)
    with open_marts(store) as marts:
        history = marts.relation(HISTORY)
        assert history.columns == ["game_id", "game_name", "weighted_rating", "release_year", "day"]
        assert history.project("day").fetchall() == [(date.fromisoformat(DAYS[-1]),)]
        assert marts.relation("dim_games").columns == history.columns[:-1]


def test_every_reading_states_whether_folders_are_columns() -> None:
    """DuckDB makes columns of folders such as env=prod unless it is told otherwise: in a lake, and in TMPDIR."""
    asked = []
    for path in [*(REPOSITORY / "include").rglob("*.py"), *(REPOSITORY / "dbt/macros").rglob("*.sql")]:
        calls = re.split(r"(?=\bread_(?:json|parquet)\()", path.read_text(encoding="utf-8"))[1:]
        asked += [(path.name, "hive_partitioning" in call) for call in calls]
    assert len(asked) > 10
    assert [name for name, is_stated in asked if not is_stated] == []


def test_a_generation_without_history_has_no_history_mart(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    publish(store, finished(store, DAYS[0]), {})
    assert open_marts(store).names == ["dim_games"]


@pytest.mark.parametrize("name", ["dim_games", HISTORY])
@pytest.mark.parametrize("data", [None, b"PAR1"])
def test_a_missing_or_damaged_file_is_an_error_of_the_lake(tmp_path: Path, name: str, data: bytes | None) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    show(store, tmp_path, *DAYS)
    with open_marts(store) as marts:
        for file in marts.urls(name):
            key = file.removeprefix(f"{store.url('marts')}/")
            store.delete(f"marts/{key}")
            if data:
                store.put(f"marts/{key}", data)
        with pytest.raises(StoreError) as raised:
            marts.relation(name)
    assert "gamelake lake audit" in str(raised.value)

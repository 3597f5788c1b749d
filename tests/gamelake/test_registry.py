"""The registry: what it declares, and how its reader refuses mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gamelake.fields import FieldType, RegistryError
from gamelake.kinds import Kind, SourceKind
from gamelake.marts.freshness import limits
from gamelake.registry import (
    captured_sources,
    kept_entities,
    load_entities,
    load_sources,
    loaded_entities,
    loaded_sources,
    switched_on,
)
from gamelake.settings import SettingsError
from gamelake.sources.igdb.options import IgdbOptions
from gamelake.sources.rawg.options import RawgOptions

GOOD = """
source: shop
description: A shop.
connection: shop_default
pool: shop_api
schedule: 30 5 * * *
partition: day
gates_transform: false
entities:
  genres:
    description: Genres of games.
    kind: snapshot
    options: {endpoint: genres}
    fields:
      id: int
      name: string
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "shop/entities.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return folder


def test_the_entities_are_declared() -> None:
    registry = load_sources()["igdb"].entities
    for name, entity in registry.items():  # a change that nothing shows is found only by reading everything
        assert "updated_at" in entity.fields or entity.kind is Kind.SNAPSHOT, name
    assert (registry["games"].dag_id, registry["games"].asset_name) == ("igdb_games", "raw_igdb_games")
    assert IgdbOptions.of(registry["popscore"]).endpoint == "popularity_primitives"


def test_limits_are_by_kind_unless_the_entity_has_its_own(tmp_path: Path) -> None:
    registry = load_sources()["igdb"].entities
    assert (registry["games"].limits.max_shrink, registry["genres"].limits.max_shrink) == (0.05, 0.05)
    assert registry["popscore"].limits.max_shrink == 0.3
    own = GOOD.replace("    kind: snapshot\n", "    kind: snapshot\n    max_shrink: 0.5\n    max_unproven: 0\n")
    limits = load_sources(write(tmp_path, own))["shop"].entities["genres"].limits
    assert (limits.max_shrink, limits.max_rejected, limits.max_unproven) == (0.5, 0.001, 0.0)


@pytest.mark.parametrize(
    ("schedule", "days", "hours"), [(None, 1, (30, 54)), ("0 4 * * 1", 7, (174, 342)), ("0 4 1 * *", 31, (750, 1494))]
)
def test_an_entity_may_have_a_schedule(tmp_path: Path, schedule: str | None, days: int, hours: Any) -> None:
    own = GOOD.replace("    kind:", f"    schedule: {schedule}\n    kind:") if schedule else GOOD
    genres = load_sources(write(tmp_path, own))["shop"].entities["genres"]
    assert (genres.schedule, genres.days_between_loads) == (schedule or "30 5 * * *", days)
    assert limits(genres) == hours


def test_a_field_may_have_a_rule(tmp_path: Path) -> None:
    declared = "      name: string required\n      place: int min 1 max 9\n      share: double required min 0 max 0.5"
    genres = load_sources(write(tmp_path, GOOD.replace("      name: string", declared)))["shop"].entities["genres"]
    assert dict(genres.fields) == {
        "id": FieldType.INT, "name": FieldType.STRING, "place": FieldType.INT, "share": FieldType.DOUBLE,
    }  # fmt: skip
    assert {name: str(rule) for name, rule in genres.rules.items()} == {
        "id": f"required, 0 to {2**53}", "name": "required", "place": "1 to 9", "share": "required, 0 to 0.5",
    }  # fmt: skip


def test_a_popularity_value_has_its_game_its_type_and_its_value() -> None:
    required = {name for name, rule in load_sources()["igdb"].entities["popscore"].rules.items() if rule.required}
    assert required == {"id", "game_id", "popularity_type", "value"}


def test_every_field_type_has_a_column_type() -> None:
    assert {kind.duckdb for kind in FieldType} == {"bigint", "double", "varchar", "boolean", "bigint[]"}


def test_a_small_registry_is_read(tmp_path: Path) -> None:
    shop = load_sources(write(tmp_path, GOOD))["shop"]
    assert (shop.connection, shop.pool, shop.schedule, shop.gates_transform) == (
        "shop_default", "shop_api", "30 5 * * *", False,
    )  # fmt: skip
    genres = shop.entities["genres"]
    assert (genres.source, str(genres), genres.dag_id) == ("shop", "shop.genres", "shop_genres")
    assert dict(genres.fields) == {"id": FieldType.INT, "name": FieldType.STRING}
    assert dict(genres.options) == {"endpoint": "genres"}


def test_a_file_is_parsed_once_and_again_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "shop" / "entities.yaml"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    shop = load_sources(tmp_path)["shop"]
    assert load_sources(tmp_path)["shop"] is shop
    path.write_text(GOOD.replace("A shop.", "Another shop."), encoding="utf-8")
    assert load_sources(tmp_path)["shop"].description == "Another shop."


def test_entities_of_all_sources_come_by_source(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/entities.yaml").write_text(GOOD.replace("source: shop", "source: archive"), encoding="utf-8")
    assert [str(entity) for entity in load_entities(tmp_path)] == ["archive.genres", "shop.genres"]


def test_every_entity_of_igdb_has_options_that_its_reader_understands() -> None:
    for entity in load_sources()["igdb"].entities.values():
        assert IgdbOptions.of(entity).endpoint


def test_an_optional_source_has_dags_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAMELAKE_OPTIONAL_SOURCES", raising=False)
    assert list(loaded_sources()) == ["igdb"]
    assert {entity.source for entity in loaded_entities()} == {"igdb"}
    monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", "rawg, ")
    assert list(loaded_sources()) == ["igdb", "rawg"]
    assert loaded_entities() == kept_entities() == tuple(each for each in load_entities() if each.source != "shop")
    for wrong in ("igdb", "rwag"):
        monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", wrong)
        with pytest.raises(SettingsError, match=f"found '{wrong}', expected one of rawg, shop"):
            loaded_sources()


def test_a_database_has_no_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", "shop")
    assert list(switched_on()) == ["igdb", "shop"]
    assert (list(loaded_sources()), list(captured_sources())) == (["igdb"], ["shop"])
    assert {str(each) for each in kept_entities() if not each.has_load} == {"shop.orders", "shop.order_items"}
    shop = load_sources()["shop"]
    assert (shop.kind, shop.pool, shop.schedule) == (SourceKind.DEBEZIUM, "", "")
    orders = shop.entities["orders"]
    assert (orders.kind, orders.days_between_loads, dict(orders.options)) == (
        Kind.CHANGES, 1, {"table": "public.orders", "key": "id"},
    )  # fmt: skip


DATABASE = """
source: shop
kind: debezium
description: A shop.
connection: shop_default
entities:
  orders:
    description: Orders.
    kind: changes
    options: {table: public.orders, key: order_id}
    fields:
      id: int
      order_id: int
      status: string
"""


def test_a_small_database_is_read(tmp_path: Path) -> None:
    shop = load_sources(
        write(tmp_path, DATABASE.replace("    kind: changes", "    kind: changes\n    max_shrink: 0.5"))
    )
    orders = shop["shop"].entities["orders"]
    assert (orders.options["key"], orders.limits.max_shrink, orders.limits.max_rejected) == ("order_id", 0.5, 0.001)


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("kind: debezium", "kind: mysql", ["kind", "'mysql'", "api, debezium"]),
        ("connection: shop_default", "connection: shop_default\npool: shop", ["pool", "no such key"]),
        ("connection: shop_default", "connection: shop_default\nschedule: 0 4 * * *", ["schedule", "no such key"]),
        ("kind: changes", "kind: snapshot", ["orders.kind", "'snapshot'", "changes"]),
        ("table: public.orders, ", "", ["orders.options.table", "missing"]),
        ("public.orders", "orders", ["orders.options.table", "'orders'", "Schema and table"]),
        ("key: order_id", "key: [order_id, line]", ["orders.options.key", "one, of whole numbers"]),
        ("key: order_id", "key: 'order_id,line'", ["orders.options.key", "one, of whole numbers"]),
        ("key: order_id", "key: status", ["orders.fields.status", "int: it is the key"]),
        ("      id: int\n", "", ["orders.fields.id", "int"]),
    ],
)
def test_a_mistake_in_a_database_is_named(tmp_path: Path, before: str, after: str, parts: Any) -> None:
    assert before in DATABASE
    with pytest.raises(RegistryError) as error:
        load_sources(write(tmp_path, DATABASE.replace(before, after)))
    for part in parts:
        assert part in str(error.value)


def test_every_entity_of_rawg_has_options_that_its_reader_understands() -> None:
    for entity in load_sources()["rawg"].entities.values():
        assert RawgOptions.of(entity).path
        assert not entity.gates_transform


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "path"),
        ({"path": "games", "read": "pages"}, "read"),
        ({"path": "games", "read": "changes", "query": "x"}, "query"),
        ({"path": "games", "read": "detail", "games_per_load": 5}, "path"),
        ({"path": "games/{id}", "read": "list"}, "path"),
        ({"path": "games/{id}", "read": "detail"}, "games_per_load"),
        ({"path": "genres", "read": "list", "games_per_load": 5}, "games_per_load"),
    ],
)
def test_options_that_rawg_does_not_know_are_refused(options: Any, key: str) -> None:
    entity = replace(load_sources()["rawg"].entities["games"], options=options)
    with pytest.raises(RegistryError) as error:
        RawgOptions.of(entity)
    assert error.value.key == f"rawg.games.options.{key}"


@pytest.mark.parametrize(
    ("options", "key"),
    [({}, "endpoint"), ({"endpoint": ""}, "endpoint"), ({"endpoint": "games", "where": "id > 1"}, "where")],
)
def test_options_that_igdb_does_not_know_are_refused(options: Any, key: str) -> None:
    entity = replace(load_sources()["igdb"].entities["games"], options=options)
    with pytest.raises(RegistryError) as error:
        IgdbOptions.of(entity)
    assert error.value.key == f"igdb.games.options.{key}"


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("kind: snapshot", "kind: hourly", ["genres.kind", "'hourly'", "incremental, snapshot, time_series"]),
        ("kind: snapshot", "kind: changes", ["genres.kind", "'changes'", "of the kind debezium has changes"]),
        ("kind: snapshot", "kind: incremental", ["genres.fields.updated_at", "timestamp"]),
        ("      name: string", "      name: text", ["genres.fields.name", "'text'", "int[]"]),
        ("name: string", "name: string min 1", ["genres.fields.name, min", "'1'", "a string has none"]),
        ("name: string", "name: int min low", ["genres.fields.name, min", "'low'", "a whole number"]),
        ("name: string", "name: int min 0.5", ["genres.fields.name, min", "'0.5'", "a whole number"]),
        ("name: string", "name: double max nan", ["genres.fields.name, max", "'nan'", "a finite number"]),
        ("name: string", "name: int min 9 max 1", ["genres.fields.name", "'int min 9 max 1'", "max 9 or more"]),
        ("name: string", "name: int max 9223372036854775808", ["genres.fields.name, max", "64 bits"]),
        ("name: string", "name: string needed", ["genres.fields.name", "'string needed'", "required, min <number>"]),
        ("name: string", "name: int min", ["genres.fields.name", "'int min'", "required, min <number>"]),
        ("name: string", "name: 5", ["genres.fields.name", "'5'", "int[]"]),
        ("name: string", "name: ''", ["genres.fields.name", "''", "int[]"]),
        ("      id: int", "      id: int min 5", ["genres.fields.id", "'int min 5'", "int alone"]),
        ("      id: int", "      ID: int", ["genres.fields", "'ID'", "lower case"]),
        ("      id: int", "      id: string", ["genres.fields.id", "int"]),
        ("{endpoint: genres}", "genres", ["genres.options", "'genres'", "A mapping"]),
        ("    options:", "    where: id > 1\n    options:", ["genres.where", "no such key"]),
        ("    kind: snapshot\n", "", ["genres.kind", "missing"]),
        ("source: shop", "source: store", ["source", "'store'", "'shop'"]),
        ("pool: shop_api", "pool: ''", ["pool", "not empty"]),
        ("pool: shop_api\n", "", ["pool", "missing"]),
        ("schedule: 30 5 * * *", "schedule: daily", ["schedule", "'daily'", "5 fields"]),
        ("partition: day", "partition: week", ["partition", "'week'", "day, hour"]),
        (
            "partition: day\ngates_transform: false",
            "partition: hour\ngates_transform: true",
            ["gates_transform", "hour"],
        ),
        (
            "gates_transform: false\nentities:\n  genres:\n",
            "gates_transform: true\nentities:\n  genres:\n    schedule: 0 4 * * 1\n",
            ["genres.schedule", "'0 4 * * 1'", "wait for all of its loads"],
        ),
        (
            "gates_transform: false",
            "gates_transform: true\noptional: true",
            ["gates_transform", "True", "the source is optional"],
        ),
        ("kind: snapshot", "kind: snapshot\n    read_whole: false", ["genres.read_whole", "always read whole"]),
        ("gates_transform: false", "gates_transform: 0", ["gates_transform", "true or false"]),
        ("      name: string", "      name: string\n      name: int", ["'name'", "each key once"]),
        ("  genres:", "  Genres:", ["entities", "'Genres'", "[a-z]"]),
        ("kind: snapshot", "kind: snapshot\n    max_shrink: 5", ["genres.max_shrink", "5", "< 1"]),
        ("kind: snapshot", "kind: snapshot\n    max_shrink: 5 %", ["genres.max_shrink", "'5 %'", "such as 0.05"]),
        ("kind: snapshot", "kind: snapshot\n    max_rejected: yes", ["genres.max_rejected", "True", "A share"]),
        ("kind: snapshot", "kind: snapshot\n    max_unproven: -0.1", ["genres.max_unproven", "-0.1", "A share"]),
        ("entities:", "tables:", ["tables", "no such key"]),
        ("entities:", "entities: [", ["well-formed YAML"]),
    ],
)
def test_a_mistake_names_the_entity_the_key_and_what_was_expected(
    tmp_path: Path, before: str, after: str, parts: Any
) -> None:
    assert before in GOOD
    with pytest.raises(RegistryError) as error:
        load_sources(write(tmp_path, GOOD.replace(before, after)))
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize("source", sorted(load_sources()))
def test_make_run_loads_the_tables_in_the_order_of_their_times(source: str) -> None:
    """`make run` takes the order of the file, a night that of the schedules."""
    schedules = [entity.schedule.split() for entity in load_sources()[source].entities.values() if entity.schedule]
    times = [(int(hour), int(minute)) for minute, hour, *_ in schedules]
    assert times == sorted(times)

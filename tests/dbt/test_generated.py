"""The files that come from the registry, and DuckDB's extensions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from gamelake.codegen.dbt_sources import entities_page, sources_yaml
from gamelake.fields import FieldType
from gamelake.kinds import Kind
from gamelake.marts import duckdb_extensions
from gamelake.marts.duckdb_extensions import ExtensionError, link_extensions
from gamelake.registry import Entity, load_sources


def test_sources_have_the_declared_columns() -> None:
    [source] = yaml.safe_load(sources_yaml(load_sources()["igdb"]))["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert set(tables) == {*load_sources()["igdb"].entities, "popscore_newest"}
    for name, entity in load_sources()["igdb"].entities.items():
        columns = {column["name"]: column["data_type"] for column in tables[name]["columns"]}
        assert columns == {field: field_type.duckdb for field, field_type in entity.fields.items()}


def test_a_description_may_hold_any_text() -> None:
    text = 'It: "quotes" # and more'
    odd = Entity("shop", "odd", text, Kind.SNAPSHOT, {"id": FieldType.INT}, "0 4 * * *", options={"filter": "a = 1"})
    shop = replace(load_sources()["igdb"], name="shop", entities={"odd": odd})
    [source] = yaml.safe_load(sources_yaml(shop))["sources"]
    assert source["tables"][0]["description"] == text
    assert "filter `a = 1`" in entities_page({"shop": shop})


@pytest.mark.parametrize("name", ["no", "on", "null", "true"])
def test_a_name_that_yaml_reads_as_another_value_stays_a_name(name: str) -> None:
    fields = {"id": FieldType.INT, name: FieldType.INT}
    odd = Entity(name, name, "Odd.", Kind.TIME_SERIES, fields, "0 4 * * *", options={})
    odd_source = replace(load_sources()["igdb"], name=name, entities={name: odd})
    [source] = yaml.safe_load(sources_yaml(odd_source))["sources"]
    assert source["name"] == name
    assert [table["name"] for table in source["tables"]] == [name, f"{name}_newest"]
    assert [table["config"]["meta"]["entity"] for table in source["tables"]] == [name, name]
    assert [column["name"] for column in source["tables"][0]["columns"]] == ["id", name]


def test_linked_extensions_load_without_a_download(tmp_path: Path) -> None:
    directory = link_extensions(tmp_path)
    link_extensions(tmp_path)
    config: dict[str, Any] = {"extension_directory": str(directory), "autoinstall_known_extensions": "false"}
    with duckdb.connect(config=config) as connection:
        for name in duckdb_extensions.EXTENSIONS:
            connection.load_extension(name)


def test_a_missing_extension_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_extensions, "EXTENSIONS", ("no_such",))
    with pytest.raises(ExtensionError, match=r"install duckdb-extension-no-such==\d"):
        link_extensions(tmp_path)

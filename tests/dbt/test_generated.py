"""The files that come from the registry, and DuckDB's extensions."""

from __future__ import annotations

import duckdb
import pytest
import yaml

from gamelake.codegen.dbt_sources import entities_page, sources_yaml
from gamelake.marts import duckdb_extensions
from gamelake.marts.duckdb_extensions import ExtensionError, link_extensions
from gamelake.registry import Entity, FieldType, Kind, load_registry


def test_sources_have_the_declared_columns():
    [source] = yaml.safe_load(sources_yaml(load_registry()))["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert set(tables) == {*load_registry(), "popscore_newest"}
    for name, entity in load_registry().items():
        columns = {column["name"]: column["data_type"] for column in tables[name]["columns"]}
        assert columns == {field: field_type.duckdb for field, field_type in entity.fields.items()}


def test_a_description_may_hold_any_text():
    entity = Entity("odd", 'It: "quotes" # and more', "odds", Kind.SNAPSHOT, {"id": FieldType.INT}, filter="a = 1")
    [source] = yaml.safe_load(sources_yaml({"odd": entity}))["sources"]
    assert source["tables"][0]["description"] == entity.description
    assert "filter `a = 1`" in entities_page({"odd": entity})


def test_linked_extensions_load_without_a_download(tmp_path):
    directory = link_extensions(tmp_path)
    link_extensions(tmp_path)
    config = {"extension_directory": str(directory), "autoinstall_known_extensions": "false"}
    with duckdb.connect(config=config) as connection:
        for name in duckdb_extensions.EXTENSIONS:
            connection.load_extension(name)


def test_a_missing_extension_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(duckdb_extensions, "EXTENSIONS", ("no_such",))
    with pytest.raises(ExtensionError, match=r"install duckdb-extension-no-such==\d"):
        link_extensions(tmp_path)

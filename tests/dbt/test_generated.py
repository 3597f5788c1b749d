"""The files that come from the registry, and DuckDB's extensions."""

from __future__ import annotations

import duckdb
import pytest
import yaml

from gamelake.codegen import dbt_sources
from gamelake.codegen.dbt_sources import entities_page, main, sources_yaml
from gamelake.marts import duckdb_extensions
from gamelake.marts.duckdb_extensions import ExtensionError, link_extensions
from gamelake.registry import Entity, FieldType, Kind, RegistryError, load_registry


def test_the_committed_files_are_current():
    assert main(["--check"]) == 0


def test_a_stale_file_is_named_and_written(tmp_path, monkeypatch, capsys):
    sources, macro, page = tmp_path / "_sources.yml", tmp_path / "_current_tables.sql", tmp_path / "entities.md"
    monkeypatch.setattr(dbt_sources, "SOURCES_PATH", sources)
    monkeypatch.setattr(dbt_sources, "MACRO_PATH", macro)
    monkeypatch.setattr(dbt_sources, "ENTITIES_PAGE_PATH", page)
    sources.write_text("old")
    assert main(["--check"]) == 1
    assert str(sources) in capsys.readouterr().err
    assert sources.read_text() == "old"
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0


def test_a_mistake_in_the_registry_is_one_sentence(monkeypatch, capsys):
    def broken():
        raise RegistryError("platforms.kind", "snapshots", "one of incremental, snapshot, time_series")

    monkeypatch.setattr(dbt_sources, "load_registry", broken)
    assert main(["--write"]) == 1
    assert capsys.readouterr().err == (
        "entities.yaml: platforms.kind: found 'snapshots', expected one of incremental, snapshot, time_series\n"
    )


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

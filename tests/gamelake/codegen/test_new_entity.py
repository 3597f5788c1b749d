"""A new entity: its fields from sample rows, and its text in the registry."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.codegen import new_entity
from gamelake.codegen.new_entity import NewEntityError, add_entity, check_name, entry, guess_fields, guess_kind
from gamelake.fields import FieldType, RegistryError
from gamelake.kinds import Kind
from gamelake.registry import load_sources
from tests.support.errors import having

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_764_000_000


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the registry, which is written to."""
    shutil.copytree(new_entity.SOURCES_PATH, tmp_path / "sources", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(new_entity, "SOURCES_PATH", tmp_path / "sources")
    return tmp_path / "sources"


@pytest.mark.parametrize(
    ("name", "values", "kind", "is_open"),
    [
        ("trusted", [True, None], FieldType.BOOL, False),
        ("game", [5, 7], FieldType.INT, False),
        ("changed", [5, NOW], FieldType.INT, False),
        ("value", [0.5, 1], FieldType.DOUBLE, False),
        ("slug", ["", "a"], FieldType.STRING, False),
        ("games", [[], [1, 2]], FieldType.INT_ARRAY, False),
        ("updated_at", [NOW], FieldType.TIMESTAMP, False),
        ("start_date", [-5, NOW], FieldType.TIMESTAMP, False),
        # Another type is possible.
        ("date", [2, 3], FieldType.INT, True),
        ("changed", [NOW], FieldType.INT, True),
        ("rating", [80, 90], FieldType.DOUBLE, True),
        ("url", ["", ""], FieldType.STRING, True),
        ("games", [[]], FieldType.INT_ARRAY, True),
        ("storyline", [None], None, True),
        # The registry has no type.
        ("cover", [{"id": 5}], None, False),
        ("names", [["a"]], None, False),
        ("uid", [5, "a"], None, False),
        ("Name", ["a"], None, False),
    ],
)
def test_a_type_is_guessed_from_the_values(name: str, values: list[Any], kind: FieldType | None, is_open: Any) -> None:
    rows = [{"id": place, name: value} for place, value in enumerate(values)]
    first, guess = guess_fields(rows)
    assert (first.name, first.type, first.doubt) == ("id", FieldType.INT, "")
    assert (guess.name, guess.type, guess.is_open) == (name, kind, is_open)
    assert bool(guess.doubt) is (is_open or kind is None)


def test_fields_that_appear_late_are_found() -> None:
    rows: list[dict[str, Any]] = [{"name": "a", "id": 1}, {"id": 2, "slug": "b"}, {"id": 3, "game": 4}]
    assert [guess.name for guess in guess_fields(rows)] == ["id", "name", "slug", "game"]


@pytest.mark.parametrize("rows", [[], [{"name": "a"}], [{"id": 1}, {"id": "2"}], [{"id": True}]])
def test_rows_without_a_key_are_refused(rows: Any) -> None:
    with pytest.raises(NewEntityError):
        guess_fields(rows)


@pytest.mark.parametrize(
    ("fields", "total", "kind"),
    [
        (["id"], 10**6, Kind.SNAPSHOT),
        (["id", "updated_at"], 19_999, Kind.SNAPSHOT),
        (["id", "updated_at"], 20_000, Kind.INCREMENTAL),
    ],
)
def test_a_large_table_with_times_of_change_is_incremental(fields: list[str], total: int, kind: Kind) -> None:
    assert guess_kind(fields, total) is kind


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b'{"id": 1}\n{"id": 2}\n', [{"id": 1}, {"id": 2}]),
        (b' [{"id": 1},\n {"id": 2}]', [{"id": 1}, {"id": 2}]),
        (b"", []),
        (b"id;name\n1;a\n", None),
        (b"[1, 2]", None),
        (None, None),
    ],
)
def test_a_sample_is_lines_or_an_array_of_json(tmp_path: Path, text: bytes | None, rows: Any) -> None:
    file = tmp_path / "rows.json"
    if text is not None:
        file.write_bytes(text)
    if rows is not None:
        assert new_entity.read_sample(file) == rows
        return
    with pytest.raises(NewEntityError):
        new_entity.read_sample(file)


def test_the_entry_is_what_the_registry_reads(registry: Path) -> None:
    path = registry / "igdb/entities.yaml"
    before = path.read_text(encoding="utf-8")
    description = "Engines: what games # run on."
    options = {"endpoint": "game_engines", "filter": "type = (1,3) & name != null"}
    fields = {"id": "int", "name": "string required", "on": "bool", "null": "int min 0"}
    add_entity("igdb", entry("engines", description=description, kind=Kind.SNAPSHOT, options=options, fields=fields))
    added = load_sources(registry)["igdb"].entities["engines"]
    assert (added.description, added.kind, dict(added.options)) == (description, Kind.SNAPSHOT, options)
    assert list(added.fields) == list(fields)
    assert added.limits == load_sources()["igdb"].entities["genres"].limits
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before), "comments, order and the other entities stay as they are"
    assert list(load_sources(registry)["igdb"].entities)[:-1] == list(load_sources()["igdb"].entities)


def test_a_name_that_yaml_reads_as_another_value_stays_a_name(registry: Path) -> None:
    add_entity(
        "igdb", entry("on", description="Odd.", kind=Kind.SNAPSHOT, options={"endpoint": "on"}, fields={"id": "int"})
    )
    assert "on" in load_sources(registry)["igdb"].entities


def test_an_entry_that_the_registry_refuses_changes_nothing(registry: Path) -> None:
    before = (registry / "igdb/entities.yaml").read_bytes()
    text = entry("engines", description="Engines.", kind=Kind.INCREMENTAL, options={}, fields={"id": "int"})
    with pytest.raises(RegistryError, check=having(key="engines.fields.updated_at")):
        add_entity("igdb", text)
    assert (registry / "igdb/entities.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "name"), [("igdb", "games"), ("igdb", "Engines"), ("igdb", "a b"), ("shop", "a"), ("bakery", "a")]
)
def test_a_name_that_is_taken_or_illegal_is_refused(source: str, name: str) -> None:
    with pytest.raises(NewEntityError):
        check_name(source, name)

"""Names that need quotes, and values that few tables have: none of them stops the capture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.keys import TableName
from tests.support.capture import changes, replayed, running_capture

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from tests.support.capture import Shop

pytestmark = pytest.mark.capture

NAMES = {
    "quoted": ('Sche"ma', 'Ta"ble', "Id"),
    "korean": ("가게", "주문", "번호"),
    "spaces": ("public", "Order Details", "the id"),
    "marks": ("public", r"a\b$c^d(e)[f]*g?h+i|j/k,l'm", "a'b"),
}
VALUES = (
    ("timestamptz", "'1969-12-31 23:59:59.5+09'", "1969-12-31T14:59:59.500000Z"),
    ("timestamptz", "'infinity'", "infinity"),
    ("timestamptz", "'0044-03-15 00:00+00 BC'", "-0043-03-15T00:00:00.000000Z"),
    ("timestamp", "'1969-12-31 23:59:59.5'", "1969-12-31T23:59:59.5Z"),
    ("date", "'1969-12-31'", "1969-12-31Z"),
    ("numeric(10, 2)", "-0.01", "-0.01"),
    ("numeric", "'NaN'", "NAN"),
    ("float8", "'NaN'", "NaN"),
    ("money", "-1234567.89", "-1234567.89"),
    ("int[]", "'{1,null,3}'", [1, None, 3]),
    ("jsonb", """'{"b": [1, null]}'""", '{"b": [1, null]}'),
    ("mood", "'sad'", "sad"),
    ("bytea", r"'\x00ff'", "AP8="),
    ("uuid", "'2b7c5f0c-9d2f-4a3e-8a52-0d0a4a3f0f11'", "2b7c5f0c-9d2f-4a3e-8a52-0d0a4a3f0f11"),
    ("interval", "'1 year 3 days'", "P1Y0M3DT0H0M0S"),
)


def test_odd_names_and_values(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """In a snapshot and in changes, in a database with a time zone."""
    folder = tmp_path / "sources" / "odd"
    folder.mkdir(parents=True)
    tables = {"things": ("public", "things", "id"), **NAMES}
    source = {"source": "odd", "kind": "debezium", "description": "Odd.", "connection": "odd_default"}
    entities = {
        name: {
            "description": "Things.",
            "kind": "changes",
            "options": {"table": f"{schema}.{table}", "key": key},
            "fields": {"id": "int"},
        }
        for name, (schema, table, key) in tables.items()
    }
    (folder / "entities.yaml").write_text(json.dumps(source | {"entities": entities}), encoding="utf-8")
    shop.run("create type mood as enum ('sad')", 'create schema "Sche""ma"', 'create schema "가게"')
    shop.run(f"alter database {shop.database} set timezone to 'America/New_York'")
    columns = ", ".join(f"value_{number} {kind}" for number, (kind, _, _) in enumerate(VALUES))
    shop.run(f"create table things (id bigint primary key, {columns})", "alter table things replica identity full")
    for schema, table, key in NAMES.values():
        shop.run(f"create table {_quoted(schema)}.{_quoted(table)} ({_quoted(key)} int primary key)")

    def fill(row_id: int) -> None:
        shop.run(f"insert into things values ({row_id}, {', '.join(literal for _, literal, _ in VALUES)})")
        for schema, table, _ in NAMES.values():
            shop.run(f"insert into {_quoted(schema)}.{_quoted(table)} values ({row_id})")

    def rows(name: str) -> dict[int, dict[str, Any]]:
        return replayed(changes(disk, TableName("odd", name))) or {}

    before = f"import gamelake.sources; gamelake.sources.__path__.append({str(tmp_path / 'sources')!r})"
    fill(1)
    with running_capture(shop, disk.uri, tmp_path / "capture", "--source=odd", before=before) as capture:
        capture.wait(lambda: all(rows(name) for name in tables))
        fill(2)
        capture.wait(lambda: all(len(rows(name)) == 2 for name in tables))
        assert capture.metric("restarts_total") == 0
        assert capture.end() == 0
    for row in rows("things").values():
        assert [row[f"value_{number}"] for number in range(len(VALUES))] == [expected for _, _, expected in VALUES]
    for name, (_, _, key) in NAMES.items():
        assert rows(name) == {1: {key: 1}, 2: {key: 2}}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

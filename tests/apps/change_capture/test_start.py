"""What the start refuses before it needs Java, and what the checks of the database answer."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from apps.change_capture import __main__ as command
from apps.change_capture.address import AddressError, parse_address
from apps.change_capture.checks import (
    DatabaseError,
    check_publication,
    check_server,
    check_table,
    explained,
    fault_of_table,
    left_out,
)
from apps.change_capture.engine import properties
from apps.change_capture.state import Folder, State, StateError
from apps.change_capture.tables import CapturedTable
from gamelake.lake.keys import TableName
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

URI = "postgresql://capture@db:5433/shop"
ORDERS = CapturedTable(TableName("shop", "orders"), "public", "orders", "id", frozenset({"id", "note"}))
SERVER = {
    "version": 15,
    "standby": False,
    "wal_level": "logical",
    "encoding": "UTF8",
    "replication": True,
    "user": "me",
    "database": "shop",
    "enum": None,
    "enum_domain": None,
}
TABLE = {
    "oid": 16384,
    "kind": "r",
    "identity": "f",
    "readable": True,
    "unlogged": False,
    "secured": False,
    "heir": None,
    "key": [{"name": "id", "type": "bigint"}],
    "columns": [],
}
COLUMN = {
    "name": "note",
    "shown": "its type",
    "type": "",
    "base": "",
    "array": False,
    "storage": "x",
    "length": -1,
    "generated": False,
    "element": "text",
    "enum": False,
}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, "not set, expected postgresql://"),
        ("mysql://me:hunter2@db/shop", "another scheme than postgresql"),
        ("postgresql://me:hunter2@db:port/shop", "found no URI"),
        ("postgresql://me:hunter2@db", "no database"),
        ("postgresql://db/shop", "found no user"),
        ("postgresql://me:hunter2@one,two/shop", "not one host"),
        ("postgresql://me:hunter2@db/shop?target=x", "found the option 'target', expected sslmode or sslrootcert"),
        ("postgresql://me@db/shop?sslmode=required", "sslmode: found 'required', expected one of disable, allow,"),
        ("postgresql://me@db/shop?sslmode=require&sslrootcert=ca", "sslrootcert with sslmode=require, which checks no"),
        ("postgresql://me@db/shop?sslrootcert=ca", "expected sslmode=verify-ca or verify-full"),
        ("postgresql://me@db/shop", "found no password in it, and PGPASSWORD is not set"),
    ],
)
def test_a_wrong_address_is_refused(uri: str | None, expected: str) -> None:
    with pytest.raises(AddressError, match="GAMELAKE_CAPTURE_URI: ") as error:
        parse_address(uri, None)
    assert expected in str(error.value)
    assert "hunter2" not in str(error.value)


def test_an_address_has_the_password_of_one_of_two_places() -> None:
    address = parse_address("postgres://me%40work:p%40ss@[::1]/the%20shop?sslmode=require", "other")
    assert (address.user, address.password, address.host, address.port) == ("me@work", "p@ss", "::1", 5432)
    assert (address.database, address.options) == ("the shop", (("sslmode", "require"),))
    assert parse_address(URI, "from the environment").password == "from the environment"
    assert "p@ss" not in f"{address} {address!r}"


def test_the_properties_name_the_tables_exactly(tmp_path: Path) -> None:
    tables = (ORDERS, CapturedTable(TableName("shop", "odd"), "public", "a.b,c", "id"))
    settings = properties(
        parse_address(f"{URI}?sslmode=require", "secret"),
        tables,
        name="slot",
        offsets=tmp_path / "o",
        batch_seconds=0.5,
    )
    assert settings["table.include.list"] == r"(?-i:public\.orders),(?-i:public\.a\.b\x2cc)"
    assert settings["database.sslmode"] == "require"
    assert settings["database.hostname"] == "db"
    assert settings["poll.interval.ms"] == "500"
    assert [name for name, value in settings.items() if "secret" in value] == ["database.password"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"version": 13}, "PostgreSQL 13 is too old, expected 14 or newer"),
        ({"standby": True}, "the server is a standby, expected the primary"),
        ({"wal_level": "replica"}, "wal_level: found replica, expected logical. Run `alter system set"),
        ({"replication": False}, 'Run: alter role "me" replication'),
        ({"encoding": "SQL_ASCII"}, "the database shop has the encoding SQL_ASCII"),
        (
            {"enum": "shop.mood"},
            "an enum without values, which keeps Debezium from reading this database. Run: drop type shop",
        ),
        ({"enum_domain": "feeling"}, "found a domain over an enum, which keeps Debezium from"),
    ],
)
def test_a_server_that_cannot_be_captured(change: dict[str, Any], expected: str) -> None:
    check_server(SERVER, "me")
    with pytest.raises(DatabaseError) as error:
        check_server(SERVER | change, "me")
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "public.orders: there is no such table in the database shop"),
        (TABLE | {"kind": "v"}, "found a view or a partitioned table, expected an ordinary table"),
        (TABLE | {"readable": False}, 'me may not read it. Run: grant usage on schema "public" to "me"'),
        (TABLE | {"unlogged": True}, 'Run: alter table "public"."orders" set logged'),
        (
            TABLE | {"secured": True},
            'and a snapshot would lack them. Run: alter role "me" bypassrls',
        ),
        (TABLE | {"heir": "old"}, 'Run: alter table old no inherit "public"."orders"'),
        (TABLE | {"key": []}, "found the primary key none, expected id alone"),
        (TABLE | {"key": [{"name": "a", "type": "int"}, {"name": "id", "type": "int"}]}, "found the primary key a, id"),
        (TABLE | {"key": [{"name": "id", "type": "uuid"}]}, "id: found uuid, expected smallint or integer or bigint"),
        (TABLE | {"identity": "n"}, 'Run: alter table "public"."orders" replica identity full'),
        (TABLE | {"identity": "i"}, "its replica identity is another index"),
    ],
)
def test_a_table_that_cannot_be_captured(found: dict[str, Any] | None, expected: str) -> None:
    check_table(ORDERS, TABLE, SERVER)
    check_table(ORDERS, TABLE | {"identity": "d"}, SERVER)
    with pytest.raises(DatabaseError) as error:
        check_table(ORDERS, found, SERVER)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("column", "refused"),
    [
        ({"base": "text"}, False),
        ({"base": "bytea"}, True),
        ({"base": "bytea", "storage": "p"}, False),
        ({"base": "bit", "length": 1}, False),
        ({"base": "bit", "length": 80_000}, True),
        ({"base": "_text", "type": "_text", "array": True}, False),
        ({"base": "_text", "type": "a_domain", "array": True}, True),
        ({"base": "_date", "type": "_date", "array": True}, True),
    ],
)
def test_large_values_that_would_be_lost(column: dict[str, Any], refused: bool) -> None:
    """Where an update that leaves them alone makes null of them."""
    column = COLUMN | column
    assert fault_of_table(ORDERS, TABLE | {"columns": [column]}) is None
    fault = fault_of_table(ORDERS, TABLE | {"columns": [column], "identity": "d"})
    assert (fault is not None) is refused
    if fault:
        assert "public.orders: note (its type): " in fault
        assert fault.endswith('Run: alter table "public"."orders" replica identity full')


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"base": "name"}, 'Run: alter table "public"."orders" alter column "note" type text using "note"::text'),
        ({"base": "_bit"}, 'alter column "note" type text[] using "note"::text[]'),
        ({"generated": True}, "note (its type): found a generated column"),
        ({"element": "box"}, "note (its type): Debezium cannot read the type"),
        ({"element": "money", "array": True}, "Debezium cannot read the type"),
        ({"element": "money"}, None),
        ({"element": "mood", "enum": True, "array": True}, None),
        ({"element": "box", "name": "other"}, None),
        ({"generated": True, "name": "other"}, None),
    ],
)
def test_columns_whose_values_would_be_missing(column: dict[str, Any], expected: str | None) -> None:
    """They are refused, but one that the registry does not declare may be left out of the rows."""
    fault = fault_of_table(ORDERS, TABLE | {"columns": [COLUMN | column]})
    assert fault is None if expected is None else expected in str(fault)


def test_columns_that_are_left_out_are_named() -> None:
    columns = [COLUMN | {"name": "area", "element": "box", "shown": "box"}, COLUMN]
    assert left_out(columns) == "area (box)"


@pytest.mark.parametrize("slot", ["", "Shop", "shop-1", "s" * 64, "가게"])
def test_a_name_that_no_slot_can_have(
    slot: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["change_capture", f"--slot={slot}"])
    with pytest.raises(SystemExit):
        command.main()
    assert "expected 1 to 63 lower-case letters, digits and underscores" in capsys.readouterr().err


def test_a_publication_of_some_changes_is_refused() -> None:
    published = {"schema": "public", "table": "orders", "oid": 16384, "partial": False}
    other = published | {"table": "other", "partial": True}
    whole = {"complete": True, "tables": [published, other]}
    check_publication([ORDERS], whole, "shop")
    with pytest.raises(DatabaseError, match=r"leaves out some operations\. Run: alter publication \"shop\" set"):
        check_publication([ORDERS], whole | {"complete": False}, "shop")
    with pytest.raises(DatabaseError, match=r"has some rows or columns of public\.orders, expected all"):
        check_publication([ORDERS], whole | {"tables": [published | {"partial": True}]}, "shop")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("28P01", "the password is wrong"),
        ("28000", "the server refuses the login: no pg_hba.conf entry"),
        ("3D000", "there is no such database"),
        ("08001", "the server does not answer"),
        ("53400", "Raise max_replication_slots"),
        ("XX000", "postgresql://capture@db:5433/shop: no pg_hba.conf entry"),
    ],
)
def test_an_error_of_the_driver_is_one_sentence(state: str, expected: str) -> None:
    text = explained(state, "FATAL: no pg_hba.conf\n  entry", parse_address(URI, "secret"))
    assert expected in text
    assert "\n" not in text
    assert "secret" not in text


def test_the_folder_is_of_one_process(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "shop")
    with pytest.raises(StateError, match="another process captures this source"):
        Folder(tmp_path / "shop")
    assert folder.read() is None
    state = State(
        lake="l", database="d", slot="s", snapshot="x", parts={"orders": 3}, tables={"orders": "public.orders"}
    )
    folder.write(state)
    folder.offsets.write_bytes(b"position")
    assert folder.read() == state
    folder.forget()
    assert folder.read() is None
    assert not folder.offsets.exists()
    (tmp_path / "shop" / "state.json").write_text("{")
    assert folder.read() is None
    folder.close()
    Folder(tmp_path / "shop").close()
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="GAMELAKE_CAPTURE_FOLDER"):
        Folder(tmp_path / "file" / "shop")


@pytest.mark.parametrize(
    ("variables", "arguments", "expected"),
    [
        ({}, [], "GAMELAKE_CAPTURE_URI: not set"),
        ({"GAMELAKE_CAPTURE_URI": URI}, [], "found no password"),
        ({"GAMELAKE_CAPTURE_URI": URI}, ["--source=igdb"], "a source of the kind debezium: shop"),
        (
            {"GAMELAKE_CAPTURE_URI": URI, "PGPASSWORD": "secret"},
            [],
            "jpype is missing here: start the capture by `make",
        ),
    ],
)
def test_a_start_that_is_refused(
    variables: dict[str, str],
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("GAMELAKE_CAPTURE_FOLDER", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["change_capture", "--port=0", *arguments])
    assert command.main() == 1
    assert expected in capsys.readouterr().err


def test_it_imports_neither_airflow_nor_java() -> None:
    code = (
        "import sys, apps.change_capture.__main__\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'airflow', 'cosmos', 'dbt', 'duckdb', 'boto3', 'jpype', 'fastapi'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_position_that_cannot_be_kept_names_the_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "shop")
    folder.offsets.write_bytes(b"position")
    (tmp_path / "shop" / "offsets.new").symlink_to("/dev/full")
    with pytest.raises(
        StateError, match=r"shop: No space left on device\. Make room there, or set GAMELAKE_CAPTURE_FOLD"
    ):
        folder.keep_offsets()
    folder.close()


def test_a_half_written_position_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    """Debezium writes in place, so that a kill leaves half of a file; one that is deleted stays so."""
    folder = Folder(tmp_path / "shop")
    folder.keep_offsets()
    folder.offsets.write_bytes(b"the first")
    folder.keep_offsets()
    folder.offsets.write_bytes(b"the sec")
    folder.restore_offsets()
    assert folder.offsets.read_bytes() == b"the first"
    folder.keep_offsets()
    folder.offsets.unlink()
    folder.restore_offsets()
    assert not folder.offsets.exists()
    folder.forget()
    assert not list((tmp_path / "shop").glob("offsets*"))
    folder.close()


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_a_wait_that_is_no_wait_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["change_capture", "--port=0", f"--batch-seconds={value}"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert f"--batch-seconds: found '{value}', expected more than 0, and at most" in capsys.readouterr().err

"""What the database has to be like, and what its errors mean. Pure: it reads rows that `database.py` asked for.

DatabaseError        the database cannot be reached, or cannot be captured
PublicationError     the publication leaves out changes
PasswordError        the password is wrong
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.change_capture.address import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.change_capture.address import Address
    from apps.change_capture.tables import CapturedTable

OLDEST = 14
"""The oldest PostgreSQL: before it, nothing moves the slot's position while the captured tables are still."""
INTEGERS = ("smallint", "integer", "bigint")
REFUSED_LOGIN = "28P01"
_NOT_MARKED = ("bytea", "bit", "varbit", "geometry", "geography", "vector", "halfvec", "sparsevec")
"""Types of which Debezium makes null where an update leaves a large value alone: it has no placeholder for them."""
_MARKED_ARRAYS = ("_int4", "_int8", "_text", "_varchar", "_bpchar", "_uuid", "_json", "_jsonb")
"""The only arrays for which it has one."""
_NEVER_LARGE = 128
"""So many bits, or fewer, are never stored apart from their row."""
_OTHER_TYPES = {"name": "text", "refcursor": "text", "_bit": "text[]", "int2vector": "smallint[]", "oidvector": "oid[]"}
"""Types whose values come as null or empty, or end a snapshot, and a type with the same values."""
# fmt: off
_READ_IN_ARRAYS = ("int2", "int4", "int8", "float4", "float8", "numeric", "bool", "text", "varchar", "bpchar",
    "char", "citext", "json", "jsonb", "uuid", "bytea", "date", "time", "timetz", "timestamp", "timestamptz",
    "inet", "cidr", "macaddr", "macaddr8", "oid", "ltree", "hstore", "tsvector", "int4range", "int8range",
    "numrange", "tsrange", "tstzrange", "daterange")
_READ = (*_READ_IN_ARRAYS, "money", "xml", "bit", "varbit", "interval", "point", "geometry", "geography", "vector",
    "halfvec", "sparsevec")
# fmt: on
"""Types that Debezium reads, and enums. It leaves out columns of others."""


class DatabaseError(Exception):
    """The database cannot be captured; the message states why, and what to do."""


class PublicationError(DatabaseError):
    """The publication leaves out changes."""


class PasswordError(DatabaseError):
    """The password is wrong: this process cannot get another one."""


def check_server(server: dict[str, Any], user: str) -> None:
    """Check a row of the server. Raises: DatabaseError."""
    if server["version"] < OLDEST:
        raise DatabaseError(f"PostgreSQL {server['version']} is too old, expected {OLDEST} or newer")
    if server["standby"]:
        raise DatabaseError(f"the server is a standby, expected the primary: change {VARIABLE}")
    if server["wal_level"] != "logical":
        raise DatabaseError(
            f"wal_level: found {server['wal_level']}, expected logical. Run `alter system set wal_level = logical` and "
            "restart PostgreSQL (on RDS: the parameter rds.logical_replication)"
        )
    if server["encoding"] == "SQL_ASCII":
        raise DatabaseError(
            f"the database {server['database']} has the encoding SQL_ASCII: a text in it may have any bytes, and one "
            "that is no UTF-8 would stop the capture of all tables. Copy it into a database of the encoding UTF8: "
            "pg_dump --encoding UTF8, and pg_restore"
        )
    if not server["replication"]:
        raise DatabaseError(
            f"the role {user} may not replicate. Run: alter role {quoted(user)} replication "
            "(on RDS: grant rds_replication to it)"
        )
    if server["enum"]:
        raise DatabaseError(
            f"the type {server['enum']}: found an enum without values, which keeps Debezium from reading this "
            f"database. Run: drop type {server['enum']}, or alter type {server['enum']} add value 'a value'"
        )
    if server["enum_domain"]:
        raise DatabaseError(
            f"the type {server['enum_domain']}: found a domain over an enum, which keeps Debezium from reading this "
            f"database. Give its columns the enum itself, and run: drop domain {server['enum_domain']}"
        )


def check_table(table: CapturedTable, found: dict[str, Any] | None, server: dict[str, Any]) -> int:
    """Check a row of a table; None: it is missing. Returns: its oid. Raises: DatabaseError."""
    if found is None:
        raise DatabaseError(f"{table}: there is no such table in the database {server['database']}")
    if found["kind"] != "r":
        raise DatabaseError(f"{table}: found a view or a partitioned table, expected an ordinary table")
    if not found["readable"]:
        name = list_of([table])
        raise DatabaseError(
            f"{table}: {server['user']} may not read it. Run: grant usage on schema {quoted(table.schema)} to "
            f"{quoted(server['user'])}; grant select on {name} to {quoted(server['user'])}"
        )
    if found["unlogged"]:
        raise DatabaseError(
            f"{table}: found an unlogged table, whose changes are in no log. Run: alter table {list_of([table])} set "
            "logged"
        )
    if found["secured"]:
        raise DatabaseError(
            f"{table}: row level security hides rows of it from {server['user']}, and a snapshot would lack them. Run: "
            f"alter role {quoted(server['user'])} bypassrls"
        )
    if found["heir"]:
        raise DatabaseError(
            f"{table}: found the table {found['heir']}, which inherits from it: a snapshot would have its rows, and no "
            f"change of them. Run: alter table {found['heir']} no inherit {list_of([table])}"
        )
    if fault := fault_of_table(table, found):
        raise DatabaseError(fault)
    return int(found["oid"])


def fault_of_table(table: CapturedTable, found: dict[str, Any]) -> str | None:
    """Return why the changes of a table would be wrong, None if they are not."""
    if fault := fault_of_key(table, found["key"]):
        return fault
    full = f"Run: alter table {list_of([table])} replica identity full"
    if found["identity"] in {"n", "i"}:
        found_identity = "nothing" if found["identity"] == "n" else "another index"
        return f"{table}: its replica identity is {found_identity}, expected full. {full}"
    if found["identity"] == "d" and (lost := [each for each in found["columns"] if _is_lost(each)]):
        return (
            f"{table}: {_named(lost)}: a change that leaves a large value alone comes without it, and the lake would "
            f"lose it, because the replica identity is the default one. {full}"
        )
    return _fault_of_columns(table, found["columns"])


def _fault_of_columns(table: CapturedTable, columns: Sequence[dict[str, Any]]) -> str | None:
    if unread := [each for each in columns if each["base"] in _OTHER_TYPES]:
        changes = ", ".join(_change_of_type(each) for each in unread)
        return (
            f"{table}: {_named(unread)}: Debezium reads null, or nothing, in place of its value. Run: alter table "
            f"{list_of([table])} {changes}"
        )
    declared = [each for each in columns if each["name"] in table.fields]
    if generated := [each for each in declared if each["generated"]]:
        return (
            f"{table}: {_named(generated)}: found a generated column, whose values are in no log. Leave it out of the "
            "registry, and compute it in dbt"
        )
    if absent := [each for each in declared if not is_read(each)]:
        return (
            f"{table}: {_named(absent)}: Debezium cannot read the type, and rows would lack the column. Leave it out "
            "of the registry, or give it the type text"
        )
    return None


def is_read(column: dict[str, Any]) -> bool:
    """Return whether Debezium reads the type of a column: rows lack it else."""
    if column["base"] in _OTHER_TYPES or column["enum"]:
        return True
    return column["element"] in (_READ_IN_ARRAYS if column["array"] else _READ)


def _change_of_type(column: dict[str, Any]) -> str:
    name, other = quoted(column["name"]), _OTHER_TYPES[column["base"]]
    return f"alter column {name} type {other} using {name}::{other}"


def _is_lost(column: dict[str, Any]) -> bool:
    """Whether an update that leaves a large value of a column alone makes null of it, without its old row."""
    if column["storage"] == "p":
        return False
    if column["array"]:
        return column["type"] not in _MARKED_ARRAYS  # of a domain over an array, too
    return column["base"] in _NOT_MARKED and not 0 < column["length"] <= _NEVER_LARGE


def left_out(columns: Sequence[dict[str, Any]]) -> str:
    """Return the columns that rows lack, as a message has them."""
    return _named([each for each in columns if not is_read(each)])


def _named(columns: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{each['name']} ({each['shown']})" for each in columns)


def fault_of_key(table: CapturedTable, key: Sequence[dict[str, Any]]) -> str | None:
    """Return what is wrong with the columns of a primary key, None if nothing is."""
    if [each["name"] for each in key] != [table.key]:
        columns = ", ".join(each["name"] for each in key) or "none"
        return (
            f"{table}: found the primary key {columns}, expected {table.key} alone. A row of the lake has one "
            "id: name the column in `options: key`, or give the table such a key"
        )
    if key[0]["type"] not in INTEGERS:
        return f"{table}: {table.key}: found {key[0]['type']}, expected {' or '.join(INTEGERS)}"
    return None


def check_publication(tables: Sequence[CapturedTable], found: dict[str, Any], name: str) -> None:
    """Check a row of a publication; it may lack tables. Raises: DatabaseError."""
    if not found["complete"]:
        raise PublicationError(
            f"the publication {name} leaves out some operations. Run: alter publication {quoted(name)} "
            "set (publish = 'insert, update, delete, truncate')"
        )
    wanted = {(each.schema, each.table) for each in tables}
    for each in found["tables"]:
        if each["partial"] and (each["schema"], each["table"]) in wanted:
            raise PublicationError(
                f"the publication {name} has some rows or columns of {each['schema']}.{each['table']}, expected all: "
                "the lake would keep the others as they were. Let its owner run: "
                f"alter publication {quoted(name)} set table {list_of(tables)}"
            )


def published(table: CapturedTable, found: dict[str, Any]) -> int | None:
    """Return the oid of the table that a publication has by a name, None if it has none."""
    same = (each for each in found["tables"] if (each["schema"], each["table"]) == (table.schema, table.table))
    return next((int(each["oid"]) for each in same), None)


def explained(state: str, message: str, address: Address) -> str:
    """Return what an error of the driver means, by its SQLSTATE."""
    first = " ".join(message.split()).removeprefix("FATAL: ").removeprefix("ERROR: ")
    match state:
        case _ if state == REFUSED_LOGIN:
            first = f"the password is wrong: set the right one in {VARIABLE} or PGPASSWORD"
        case "28000":
            first = f"the server refuses the login: {first}"
        case "3D000":
            first = f"there is no such database on this server: change {VARIABLE}"
        case "08001" | "08004" | "08006" if "SSL" in first or "could not be verified" in first:
            first = (
                f"the connection cannot be encrypted: {first.rstrip('.')}. In {VARIABLE}, sslrootcert has to name the "
                "CA of the server's certificate, and the host has to be in it (verify-full); the server needs ssl = on"
            )
        case "08001" | "08004" | "08006" | "57P03":
            first = f"the server does not answer: {first}"
        case "53400":
            first = f"{first}. Raise max_replication_slots, or drop unused slots"
    return f"{address}: {first}"


def list_of(tables: Sequence[CapturedTable]) -> str:
    """Return tables as a statement has them."""
    return ", ".join(f"{quoted(each.schema)}.{quoted(each.table)}" for each in tables)


def quoted(name: str) -> str:
    """Return a name as a statement has it."""
    return '"' + name.replace('"', '""') + '"'

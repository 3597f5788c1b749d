"""The database, as the capture prepares it: what it checks, its publication and its slot.

It is reached by the driver that Debezium has, so that both understand the same address. What is checked before the
engine starts has a message that a person can act on.

    DatabaseError        the database cannot be reached, or cannot be captured
    PublicationError     the publication leaves out changes
    PasswordError        the password is wrong
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from apps.change_capture.address import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from apps.change_capture.address import Address
    from apps.change_capture.tables import CapturedTable
    from gamelake.lake.keys import TableName

OLDEST = 14
"""The oldest PostgreSQL: before it, nothing moves the slot's position while the captured tables are still."""
PLUGIN = "pgoutput"
INTEGERS = ("smallint", "integer", "bigint")
_REFUSED_LOGIN = "28P01"
_IN_USE_SECONDS = 15.0
"""How long a slot may stay in use: the server notices late that a process was killed."""

_SERVER = """
select current_setting('server_version_num')::int / 10000 as version, current_setting('wal_level') as wal_level,
    pg_is_in_recovery() as standby, current_database() as "database", current_user as "user",
    (select system_identifier::text from pg_control_system()) as system,
    (select count(*) from pg_replication_slots) as slots, current_setting('max_replication_slots')::int as most_slots,
    exists (select from pg_roles where rolname = current_user and (rolreplication or rolsuper))
        or exists (select from pg_roles where rolname = 'rds_replication' and pg_has_role(oid, 'member')) as replication
"""
_TABLE = """
select c.oid::bigint as oid, c.relkind as kind, c.relreplident as identity,
    has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
    (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null))), '[]')
     from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
     where i.indrelid = c.oid and i.indisprimary) as key
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = ? and c.relname = ?
"""
_PUBLICATION = """
select p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as complete,
    (select coalesce(json_agg(json_build_object('schema', t.schemaname, 'table', t.tablename, 'oid', c.oid::bigint,
        'partial', exists (select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid
                           and (to_jsonb(r) ->> 'prqual' is not null or to_jsonb(r) ->> 'prattrs' is not null)))), '[]')
     from pg_publication_tables t join pg_namespace n on n.nspname = t.schemaname
        join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
     where t.pubname = p.pubname) as tables
from pg_publication p where p.pubname = ?
"""
_SLOT = """
select s.plugin, s.database, s.active_pid as process, s.wal_status as log,
    s.confirmed_flush_lsn - '0/0'::pg_lsn as position, pg_current_wal_lsn() - s.restart_lsn as retained,
    pg_current_wal_lsn() - '0/0'::pg_lsn as written
from pg_replication_slots s where s.slot_name = ?
"""


class DatabaseError(Exception):
    """The database cannot be captured; the message states why, and what to do."""


class PublicationError(DatabaseError):
    """The publication leaves out changes."""


class PasswordError(DatabaseError):
    """The password is wrong: this process cannot get another one."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot.

    Attributes:
        position: How far the capture confirmed the log.
        readable: Whether the database still has what follows.
        written: Where the database's log ends.
    """

    position: int
    readable: bool
    written: int


class Database:
    """One connection at a time, each for one step."""

    def __init__(self, address: Address, tables: Sequence[CapturedTable], name: str) -> None:
        self._address = address
        self._tables = tables
        self.name = name
        """The name of the slot and of the publication."""
        self.oids: dict[TableName, int] = {}
        """Which tables they are, as `check` found them: one that is made again has the name of the other."""

    def check(self) -> str:
        """Return which database it is: its name, and the identifier of its server.

        Raises:
            DatabaseError: It cannot be captured, or a table cannot be.
        """
        with self._connection() as connection:
            server = _rows(connection, _SERVER)[0]
            check_server(server, self._address.user)
            for table in self._tables:
                found = next(iter(_rows(connection, _TABLE, table.schema, table.table)), None)
                self.oids[table.name] = check_table(table, found, server)
        return f"{server['system']}/{server['database']}"

    def publish(self) -> None:
        """Make the publication, or add what it lacks. Raises: DatabaseError."""
        with self._connection() as connection:
            found = next(iter(_rows(connection, _PUBLICATION, self.name)), None)
            name = _quoted(self.name)
            if found is None:
                self._change(connection, f"create publication {name} for table {_list(self._tables)}")
                return
            check_publication(self._tables, found, self.name)
            lacking = [each for each in self._tables if _published(each, found) is None]
            if lacking:
                self._change(connection, f"alter publication {name} add table {_list(lacking)}")

    def unpublished(self) -> str | None:
        """Return why changes of a table are not told any more; None: all of them are. Raises: DatabaseError."""
        with self._connection() as connection:
            found = next(iter(_rows(connection, _PUBLICATION, self.name)), None)
        if found is None:
            return f"the publication {self.name} is missing"
        check_publication(self._tables, found, self.name)
        for table in self._tables:
            oid = _published(table, found)
            if oid is None:
                return f"the publication {self.name} lacks {table} now"
            if oid != self.oids.get(table.name, oid):
                return f"{table} is another table than before: it was dropped and made again, or renamed"
        return None

    def slot(self) -> Slot | None:
        """Return the slot, None if there is none. Raises: DatabaseError, if it is of others or in use."""
        end = time.monotonic() + _IN_USE_SECONDS
        while True:
            with self._connection() as connection:
                found = next(iter(_rows(connection, _SLOT, self.name)), None)
            if found is None:
                return None
            if found["plugin"] != PLUGIN or found["database"] != self._address.database:
                raise DatabaseError(
                    f"the slot {self.name} is of the database {found['database']} and the plugin {found['plugin']}. "
                    "Name another: --slot"
                )
            if found["process"] is None:
                return Slot(int(found["position"] or 0), found["log"] != "lost", int(found["written"]))
            if time.monotonic() > end:
                raise DatabaseError(
                    f"the slot {self.name} is in use by another process (process {found['process']} of the server). "
                    "End the other capture, or give this one its own: --slot"
                )
            time.sleep(0.5)

    def retained(self) -> int | None:
        """Return the bytes of the log that the server keeps for the slot, None without one. Raises: DatabaseError."""
        with self._connection() as connection:
            found = next(iter(_rows(connection, _SLOT, self.name)), None)
        return None if found is None else int(found["retained"] or 0)

    def drop_slot(self) -> None:
        """Drop the slot; the server then keeps no log for it. Raises: DatabaseError."""
        with self._connection() as connection:
            query = "select pg_drop_replication_slot(slot_name)::text from pg_replication_slots where slot_name = ?"
            _rows(connection, query, self.name)

    def drop_publication(self) -> None:
        """Drop the publication. Raises: DatabaseError."""
        with self._connection() as connection:
            self._change(connection, f"drop publication if exists {_quoted(self.name)}")

    def _change(self, connection: Any, statement: str) -> None:
        from apps.change_capture.jvm import java

        try:
            connection.createStatement().execute(statement)
        except java("java.sql.SQLException") as error:
            if str(error.getSQLState()) == "42501":
                raise DatabaseError(
                    f"{self._address.user} may not change the publication: only the owner of the tables may, with the "
                    f"privilege CREATE on the database. Ask the owner to run: {statement}"
                ) from None
            raise

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        from jpype import JException

        from apps.change_capture.jvm import java

        address = self._address
        properties = java("java.util.Properties")()
        for name, value in {
            "user": address.user,
            "password": address.password,
            "connectTimeout": "10",
            "socketTimeout": "60",
            "ApplicationName": "gamelake",
            **dict(address.options),
        }.items():
            properties.setProperty(name, value)
        url = f"jdbc:postgresql://{address.url_host}:{address.port}/{quote(address.database, safe='')}"
        try:
            connection = java("org.postgresql.Driver")().connect(url, properties)
            try:
                yield connection
            finally:
                connection.close()
        except JException as error:
            state = str(error.getSQLState() or "") if hasattr(error, "getSQLState") else ""
            kind = PasswordError if state == _REFUSED_LOGIN else DatabaseError
            raise kind(explained(state, str(error.getMessage()), address)) from None


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
    if not server["replication"]:
        raise DatabaseError(
            f"the role {user} may not replicate. Run: alter role {_quoted(user)} replication "
            "(on RDS: grant rds_replication to it)"
        )


def check_table(table: CapturedTable, found: dict[str, Any] | None, server: dict[str, Any]) -> int:
    """Check a row of a table; None: it is missing. Returns: its oid. Raises: DatabaseError."""
    if found is None:
        raise DatabaseError(f"{table}: there is no such table in the database {server['database']}")
    if found["kind"] != "r":
        raise DatabaseError(f"{table}: found a view or a partitioned table, expected an ordinary table")
    if not found["readable"]:
        quoted = _list([table])
        raise DatabaseError(
            f"{table}: {server['user']} may not read it. Run: grant usage on schema {_quoted(table.schema)} to "
            f"{_quoted(server['user'])}; grant select on {quoted} to {_quoted(server['user'])}"
        )
    key = found["key"]
    if [each["name"] for each in key] != [table.key]:
        columns = ", ".join(each["name"] for each in key) or "none"
        raise DatabaseError(
            f"{table}: found the primary key {columns}, expected {table.key} alone. A row of the lake has one "
            "id: name the column in `options: key`, or give the table such a key"
        )
    if key[0]["type"] not in INTEGERS:
        raise DatabaseError(f"{table}: {table.key}: found {key[0]['type']}, expected {' or '.join(INTEGERS)}")
    if found["identity"] in {"n", "i"}:
        raise DatabaseError(
            f"{table}: its replica identity is {'nothing' if found['identity'] == 'n' else 'another index'}, expected "
            f"full. Run: alter table {_list([table])} replica identity full"
        )
    return int(found["oid"])


def check_publication(tables: Sequence[CapturedTable], found: dict[str, Any], name: str) -> None:
    """Check a row of a publication; it may lack tables. Raises: DatabaseError."""
    if not found["complete"]:
        raise PublicationError(
            f"the publication {name} leaves out some operations. Run: alter publication {_quoted(name)} "
            "set (publish = 'insert, update, delete, truncate')"
        )
    wanted = {(each.schema, each.table) for each in tables}
    for each in found["tables"]:
        if each["partial"] and (each["schema"], each["table"]) in wanted:
            raise PublicationError(
                f"the publication {name} has some rows or columns of {each['schema']}.{each['table']}, expected all: "
                "the lake would keep the others as they were. Let its owner run: "
                f"alter publication {_quoted(name)} set table {_list(tables)}"
            )


def _published(table: CapturedTable, found: dict[str, Any]) -> int | None:
    """Return the oid of the table that a publication has by a name, None if it has none."""
    same = (each for each in found["tables"] if (each["schema"], each["table"]) == (table.schema, table.table))
    return next((int(each["oid"]) for each in same), None)


def explained(state: str, message: str, address: Address) -> str:
    """Return what an error of the driver means, by its SQLSTATE."""
    first = " ".join(message.split()).removeprefix("FATAL: ").removeprefix("ERROR: ")
    match state:
        case _ if state == _REFUSED_LOGIN:
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


def _rows(connection: Any, query: str, *parameters: str) -> list[dict[str, Any]]:
    statement = connection.prepareStatement(f"select row_to_json(found)::text from ({query}) found")  # noqa: S608
    for number, value in enumerate(parameters, start=1):
        statement.setString(number, value)
    result = statement.executeQuery()
    rows = []
    while result.next():
        rows.append(orjson.loads(str(result.getString(1))))
    return rows


def _list(tables: Sequence[CapturedTable]) -> str:
    return ", ".join(f"{_quoted(each.schema)}.{_quoted(each.table)}" for each in tables)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

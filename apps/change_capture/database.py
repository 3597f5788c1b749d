"""The database, as the capture prepares it: what it checks, its publication and its slot.

It is reached by the driver that Debezium has, so that both understand the same address. What is checked before the
engine starts has a message that a person can act on (`checks.py`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from apps.change_capture.checks import (
    REFUSED_LOGIN,
    DatabaseError,
    PasswordError,
    check_publication,
    check_server,
    check_table,
    explained,
    fault_of_table,
    list_of,
    published,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from apps.change_capture.address import Address
    from apps.change_capture.tables import CapturedTable
    from apps.change_capture.values import Doubt
    from gamelake.lake.keys import TableName

PLUGIN = "pgoutput"
LOST = "lost"
_IN_USE_SECONDS = 15.0
"""How long a slot may stay in use: the server notices late that a process was killed."""

_SERVER = """
select current_setting('server_version_num')::int / 10000 as version, current_setting('wal_level') as wal_level,
    pg_is_in_recovery() as standby, current_database() as "database", current_user as "user",
    (select system_identifier::text from pg_control_system()) as system,
    current_setting('server_encoding') as encoding,
    (select count(*) from pg_replication_slots) as slots, current_setting('max_replication_slots')::int as most_slots,
    exists (select from pg_roles where rolname = current_user and (rolreplication or rolsuper))
        or exists (select from pg_roles where rolname = 'rds_replication' and pg_has_role(oid, 'member'))
        as replication,
    (select min(oid::regtype::text) from pg_type t where typtype = 'e'
        and not exists (select from pg_enum where enumtypid = t.oid)) as enum,
    (select min(oid::regtype::text) from pg_type where typtype = 'd' and typcategory = 'E') as enum_domain
"""
_TABLE = """
select c.oid::bigint as oid, c.relkind as kind, c.relreplident as identity, c.relpersistence = 'u' as unlogged,
    has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
    row_security_active(c.oid) as secured,
    (select min(i.inhrelid::regclass::text) from pg_inherits i where i.inhparent = c.oid) as heir,
    (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null))), '[]')
     from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
     where i.indrelid = c.oid and i.indisprimary) as key,
    (select coalesce(json_agg(json_build_object('name', a.attname, 'shown', format_type(a.atttypid, a.atttypmod),
        'type', t.typname, 'base', b.typname, 'array', t.typcategory = 'A', 'storage', a.attstorage,
        'length', a.atttypmod, 'generated', a.attgenerated <> '', 'element', coalesce(e.typname, b.typname),
        'enum', coalesce(e.typtype, b.typtype) = 'e') order by a.attnum), '[]')
     from pg_attribute a join pg_type t on t.oid = a.atttypid, lateral (
        with recursive d as (
            select t.typname, t.typtype, t.typelem, t.typcategory, t.typbasetype
            union all select n.typname, n.typtype, n.typelem, n.typcategory, n.typbasetype
            from d join pg_type n on n.oid = d.typbasetype
        ) select * from d where typbasetype = 0) b left join pg_type e on e.oid = b.typelem and b.typcategory = 'A'
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
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
_BLOCKERS = """
select distinct unnest(pg_blocking_pids(a.pid)) as pid from pg_stat_activity a
where a.usename = current_user and a.application_name like 'Debezium%' order by pid
"""


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
        self.columns: dict[TableName, list[dict[str, Any]]] = {}
        """The columns of the tables, as `check` found them."""

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
                self.columns[table.name] = found["columns"] if found else []
        return f"{server['system']}/{server['database']}"

    def publish(self) -> None:
        """Make the publication, or add what it lacks. Raises: DatabaseError."""
        with self._connection() as connection:
            found = next(iter(_rows(connection, _PUBLICATION, self.name)), None)
            name = quoted(self.name)
            if found is None:
                self._change(connection, f"create publication {name} for table {list_of(self._tables)}")
                return
            check_publication(self._tables, found, self.name)
            lacking = [each for each in self._tables if published(each, found) is None]
            if lacking:
                self._change(connection, f"alter publication {name} add table {list_of(lacking)}")

    def unpublished(self) -> str | None:
        """Return why changes of a table are not told, or mix its rows; None: all is well. Raises: DatabaseError."""
        with self._connection() as connection:
            slot = next(iter(_rows(connection, _SLOT, self.name)), None)
            found = next(iter(_rows(connection, _PUBLICATION, self.name)), None)
            tables = {each: _rows(connection, _TABLE, each.schema, each.table) for each in self._tables}
        if slot is not None and slot["log"] == LOST:
            return f"the database has removed the log that the slot {self.name} needs"
        if found is None:
            return f"the publication {self.name} is missing"
        check_publication(self._tables, found, self.name)
        for table in self._tables:
            oid = published(table, found)
            if oid is None:
                return f"the publication {self.name} lacks {table} now"
            if oid != self.oids.get(table.name, oid):
                return f"{table} is another table than before: it was dropped and made again, or renamed"
            if fault := next((fault_of_table(table, each) for each in tables[table]), None):
                return fault
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
                return Slot(int(found["position"] or 0), found["log"] != LOST, int(found["written"]))
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

    def blockers(self) -> list[int]:
        """Return the processes of the server for which Debezium waits there. Raises: DatabaseError."""
        with self._connection() as connection:
            return [int(each["pid"]) for each in _rows(connection, _BLOCKERS)]

    def odd_values(self, table: CapturedTable, ids: Iterable[int], doubts: Iterable[Doubt]) -> dict[int, set[str]]:
        """Return the columns of rows, by their key, that have a value which Debezium changes. Raises: DatabaseError.

        Args:
            table: The table.
            ids: The keys of the rows. One that is deleted, or changed again, comes again.
            doubts: The columns.
        """
        odd = ", ".join(f"case when {each.odd} then {_literal(each.column)} end" for each in doubts)
        query = (
            f"select {quoted(table.key)} as id, array_remove(array[{odd}], null) as columns from {list_of([table])} "  # noqa: S608
            f"where {quoted(table.key)} = any (string_to_array(?, ',')::bigint[])"
        )
        with self._connection() as connection:
            rows = _rows(connection, query, ",".join(map(str, ids)))
        return {each["id"]: set(each["columns"]) for each in rows if each["columns"]}

    def drop_slot(self) -> None:
        """Drop the slot; the server then keeps no log for it. Raises: DatabaseError."""
        with self._connection() as connection:
            query = "select pg_drop_replication_slot(slot_name)::text from pg_replication_slots where slot_name = ?"
            _rows(connection, query, self.name)

    def drop_publication(self) -> None:
        """Drop the publication. Raises: DatabaseError."""
        with self._connection() as connection:
            self._change(connection, f"drop publication if exists {quoted(self.name)}")

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
            kind = PasswordError if state == REFUSED_LOGIN else DatabaseError
            raise kind(explained(state, str(error.getMessage()), address)) from None


def _literal(text: str) -> str:
    """Return a text as a statement has it; a question mark in it is none of a parameter."""
    return "'" + text.replace("'", "''") + "'"


def _rows(connection: Any, query: str, *parameters: str) -> list[dict[str, Any]]:
    statement = connection.prepareStatement(f"select row_to_json(found)::text from ({query}) found")  # noqa: S608
    for number, value in enumerate(parameters, start=1):
        statement.setString(number, value)
    result = statement.executeQuery()
    rows = []
    while result.next():
        rows.append(orjson.loads(str(result.getString(1))))
    return rows

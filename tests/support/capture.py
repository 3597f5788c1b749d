"""The real capture as a process, on a database of a real PostgreSQL; and what its inboxes make of a table."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg2

from gamelake.lake.keys import TableName
from gamelake.paths import REPOSITORY
from tests.support.collector import METRICS_TOKEN, RunningCollector, inbox_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from examples.shop.local_postgres import LocalPostgres
    from gamelake.lake.store import Store

PYTHON = str(REPOSITORY / ".venv-capture" / "bin" / "python")
SCHEMA = REPOSITORY / "examples" / "shop" / "schema.sql"
ORDERS, ITEMS = TableName("shop", "orders"), TableName("shop", "order_items")
SECONDS = 180.0
BATCH_SECONDS = 0.3


@dataclass
class Shop:
    """A database with the shop's schema, and a name for the slot."""

    server: LocalPostgres
    database: str
    slot: str

    def run(self, *statements: str) -> list[Any]:
        """Run statements, each on its own. Returns: the rows of the last one."""
        connection = psycopg2.connect(self.server.uri(self.database), password=self.server.password)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for each in statements:
                    cursor.execute(each)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def rows(self, table: str = "orders") -> dict[int, dict[str, Any]]:
        """The rows of a table as Debezium writes them: numbers of a set precision and times are texts."""
        return {row["id"]: row for (row,) in self.run(f"select to_jsonb(found) from public.{table} found")}

    def drop(self) -> None:
        self.run(
            "select pg_terminate_backend(active_pid) from pg_replication_slots "
            f"where slot_name = '{self.slot}' and active"
        )
        for _ in range(50):
            free = f"from pg_replication_slots where slot_name = '{self.slot}'"
            try:
                self.run(f"select pg_drop_replication_slot(slot_name) {free}")
                break
            except psycopg2.errors.ObjectInUse:
                time.sleep(0.1)


@contextmanager
def new_shop(server: LocalPostgres, options: str = "") -> Iterator[Shop]:
    """A database for as long as the block lasts. `options`: of `create database`."""
    name = f"shop_{uuid.uuid4().hex[:10]}"
    admin = Shop(server, "postgres", "")
    admin.run(f"create database {name} {options}")
    shop = Shop(server, name, name)
    shop.run(SCHEMA.read_text(encoding="utf-8"))
    try:
        yield shop
    finally:
        shop.drop()
        admin.run(f"drop database {name} with (force)")


class RunningCapture(RunningCollector):
    """A process of the capture."""

    prefix: ClassVar[str] = "gamelake_capture"

    @property
    def text(self) -> str:
        """What it has logged."""
        return "".join(self.log)

    def wait(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)

    def wait_for_log(self, text: str, times: int = 1, seconds: float = SECONDS) -> None:
        self.wait(lambda: self.text.count(text) >= times, seconds)


def environment(shop: Shop, uri: str, folder: Path, **others: str) -> dict[str, str]:
    """The environment of a capture; the password is beside the URI."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GAMELAKE_", "AWS_", "PG"))}
    return (
        kept
        | {
            "GAMELAKE_URI": uri,
            "GAMELAKE_CAPTURE_URI": shop.server.uri(shop.database),
            "GAMELAKE_CAPTURE_FOLDER": str(folder),
            "GAMELAKE_METRICS_TOKEN": METRICS_TOKEN,
            "PGPASSWORD": shop.server.password,
        }
        | others
    )


@contextmanager
def running_capture(
    shop: Shop, uri: str, folder: Path, *arguments: str, before: str = "", **others: str
) -> Iterator[RunningCapture]:
    """A capture for as long as the block lasts, from the moment that it reads the database.

    `before`: Python that the process runs first.
    """
    process = subprocess.Popen(
        # It ends with this process, also with one that is killed.
        ["setpriv", "--pdeathsig=KILL", PYTHON, "-c", _command(before), "--port=0", f"--slot={shop.slot}",
         f"--batch-seconds={BATCH_SECONDS}", *arguments],
        cwd=REPOSITORY,
        env=environment(shop, uri, folder, **others),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout
    running = RunningCapture(process, "")

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            running.log.append(line)
            if found := re.search(r"change capture on http://(\S+);", line):
                running.address = found[1]

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        running.wait_for_log("Debezium reads the database")
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(timeout=10)
        process.stdout.close()


def start_that_fails(shop: Shop, uri: str, folder: Path, *arguments: str, before: str = "", **others: str) -> str:
    """Start a capture that refuses to. `before`: Python that the process runs first. Returns: what it prints."""
    result = subprocess.run(
        [PYTHON, "-c", _command(before), "--port=0", f"--slot={shop.slot}", *arguments],
        cwd=REPOSITORY,
        env=environment(shop, uri, folder, **others),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 1, result.stdout
    return result.stdout


def _command(before: str) -> str:
    return f"{before}\nimport runpy; runpy.run_module('apps.change_capture', run_name='__main__', alter_sys=True)"


def changes(store: Store, table: TableName = ORDERS) -> list[dict[str, Any]]:
    """The lines of an inbox."""
    return inbox_events(store, table)


def replayed(lines: list[dict[str, Any]]) -> dict[int, dict[str, Any]] | None:
    """The rows that an inbox makes: the newest completed snapshot, and the changes after it; None without one."""
    completed = [number for number, line in enumerate(lines) if line["op"] == "snapshot_completed"]
    if not completed:
        return None
    snapshot = lines[completed[-1]]["body"]["snapshot"]
    began = next(
        number
        for number, line in enumerate(lines)
        if line["op"] == "snapshot_started" and line["body"]["snapshot"] == snapshot
    )
    rows: dict[int, dict[str, Any]] = {}
    reads = 0
    for line in lines[began + 1 :]:
        match line["op"]:
            case "read":
                reads += 1
                rows[line["id"]] = line["body"]["after"]
            case "create" | "update":
                rows[line["id"]] = line["body"]["after"]
            case "delete":
                rows.pop(line["id"], None)
            case "truncate":
                rows.clear()
            case "snapshot_completed":
                assert line["body"]["rows"] == reads
            case "snapshot_started":
                break  # one that was not completed
    return rows

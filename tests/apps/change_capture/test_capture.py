"""What happens in PostgreSQL is in the inboxes: by Debezium on a real Java, from a real server."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from examples.shop.local_postgres import running_postgres
from gamelake.lake.capture_sign import read_sign
from gamelake.lake.factory import open_store
from gamelake.load.apply_events import apply_events
from gamelake.load.change_order import is_before, position_of
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from tests.apps.event_collector.test_durability import S3, resident_mb
from tests.support.capture import (
    ITEMS,
    PYTHON,
    SECONDS,
    RunningCapture,
    Shop,
    changes,
    environment,
    new_shop,
    replayed,
    running_capture,
    start_that_fails,
)
from tests.support.loads import table_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.shop.local_postgres import LocalPostgres
    from gamelake.lake.store import Store
    from tests.support.faulty_proxy import FaultyProxy

pytestmark = pytest.mark.capture

SNAPSHOT = "the snapshot"  # "the snapshot <uuid> is completed"
CONTINUES = "the capture continues from its saved position"


def order(status: str, row_id: int | None = None) -> str:
    column, value = ("id, ", f"{row_id}, ") if row_id else ("", "")
    return f"insert into public.orders ({column}status, currency) values ({value}'{status}', 'EUR')"


def statuses(rows: dict[int, dict[str, Any]] | None) -> dict[int, str] | None:
    return None if rows is None else {row_id: row["status"] for row_id, row in rows.items()}


def wait_for_the_shop(capture: RunningCapture, store: Store, shop: Shop) -> None:
    """Wait until the inbox of orders makes the rows of the database."""
    capture.wait(lambda: statuses(replayed(changes(store))) == statuses(shop.rows()))


def applied(store: Store, name: str = "orders") -> dict[int, dict[str, Any]]:
    """The table of the lake, after everything that waits was applied."""
    entity = load_sources()["shop"].entities[name]
    apply_events(store, entity, allow_shrink=True)
    return table_rows(store, name, "shop")


def test_a_day_of_a_shop(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """A snapshot of one row and of an empty table, changes, an added column, a truncate, an end and a restart."""
    shop.run(order("open"))
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        assert [line["op"] for line in changes(disk)] == ["snapshot_started", "read", "snapshot_completed"]
        assert [line["op"] for line in changes(disk, ITEMS)] == ["snapshot_started", "snapshot_completed"]
        assert changes(disk)[0]["body"] == changes(disk, ITEMS)[0]["body"]
        assert changes(disk, ITEMS)[-1]["body"]["rows"] == 0

        shop.run(
            order("open"),
            "insert into order_items (order_id, game_id, quantity, unit_price) values (2, 1942, 3, 19.90)",
            "update orders set status = 'paid' where id = 2",
            "delete from orders where id = 1",
            "alter table orders add column note text",
            "insert into orders (status, currency, note) values ('paid', 'EUR', 'a gift')",
        )
        wait_for_the_shop(capture, disk, shop)
        lines = changes(disk)[3:]
        assert [(line["id"], line["op"]) for line in lines] == [
            (2, "create"), (2, "update"), (1, "delete"), (3, "create")
        ]  # fmt: skip
        assert lines[0]["body"]["after"].keys() == {
            "id", "customer_id", "status", "currency", "ordered_at", "updated_at"
        }  # fmt: skip
        assert lines[1]["body"]["before"]["status"] == "open"
        assert lines[1]["body"]["after"]["ordered_at"].endswith("Z")
        assert lines[2]["body"] | {"before": None} != lines[2]["body"]
        assert lines[3]["body"]["after"]["note"] == "a gift"
        capture.wait(lambda: len(changes(disk, ITEMS)) == 3)
        assert changes(disk, ITEMS)[-1]["body"]["after"]["unit_price"] == "19.90"

        assert capture.request("GET", "/health").status == 200
        assert capture.request("GET", "/metrics").status == 401
        assert capture.metric("events_total") == 6
        assert 0 < capture.metric("lag_seconds") < 30
        began = time.monotonic()
        assert capture.end() == 0
        assert time.monotonic() - began < 10

    shop.run("truncate orders cascade", order("cancelled"))
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        capture.wait(lambda: changes(disk, ITEMS)[-1]["op"] == "truncate")
        assert CONTINUES in capture.text, capture.text
    lines = changes(disk)
    assert [(line["id"], line["op"]) for line in lines[7:]] == [(None, "truncate"), (4, "create")]
    positions = [
        line["body"]["source"]["lsn"] for line in lines if line["op"] not in {"snapshot_started", "snapshot_completed"}
    ]
    assert positions == sorted(positions)
    assert {row_id: row["status"] for row_id, row in applied(disk).items()} == {4: "cancelled"}
    assert applied(disk, "order_items") == {}


def test_a_large_text_that_a_change_leaves_alone(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """With the replica identity `full` it is in the row; with the default one, Debezium's placeholder is."""
    text = "".join(random.Random(1).choices("abcdefghij", k=100_000))  # noqa: S311 - a test has no secrets
    shop.run(
        "alter table orders add column note text",
        f"insert into orders (status, currency, note) values ('open', 'EUR', '{text}')",
    )
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        shop.run("update orders set status = 'paid'")
        wait_for_the_shop(capture, disk, shop)
        assert changes(disk)[-1]["body"]["after"]["note"] == text
        shop.run("alter table orders replica identity default", "update orders set status = 'refunded'")
        wait_for_the_shop(capture, disk, shop)
        assert changes(disk)[-1]["body"]["after"]["note"] == "__debezium_unavailable_value"
        shop.run("delete from orders")
        wait_for_the_shop(capture, disk, shop)
        assert changes(disk)[-1]["id"] == 1


def test_transactions_that_overlap_are_applied_in_the_order_of_their_commits(
    shop: Shop, disk: Store, tmp_path: Path
) -> None:
    """The place of a change in the log does not ascend then; with the commit before it, it does."""
    shop.run(order("open"), order("open"))
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        with psycopg2.connect(shop.server.uri(shop.database), password=shop.server.password) as early:
            with early.cursor() as cursor:
                cursor.execute("update orders set status = 'paid' where id = 1")
            shop.run("update orders set status = 'refunded' where id = 2", order("paid"))
            capture.wait(lambda: len(changes(disk)) == 6)
            assert statuses(applied(disk)) == {1: "open", 2: "refunded", 3: "paid"}
        early.close()
        wait_for_the_shop(capture, disk, shop)
        assert statuses(applied(disk)) == {1: "paid", 2: "refunded", 3: "paid"}
        sources = [line["body"]["source"] for line in changes(disk)[4:]]
        assert sources[-1]["lsn"] < sources[0]["lsn"]
        shop.run("update orders set status = 'open' where id = 2")
        wait_for_the_shop(capture, disk, shop)
        assert statuses(applied(disk)) == {1: "paid", 2: "open", 3: "paid"}
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        shop.run("update orders set status = 'cancelled' where id = 3")
        wait_for_the_shop(capture, disk, shop)
        assert CONTINUES in capture.text, capture.text
    assert statuses(applied(disk)) == {1: "paid", 2: "open", 3: "cancelled"}
    positions = [position_of(line["body"]) for line in changes(disk)[4:]]
    assert None not in positions
    assert positions == sorted(positions, key=lambda each: each or (0, 0))


class Writer:
    """Changes orders of its own at random until it is stopped; `history` is what was committed of each, in order."""

    def __init__(self, shop: Shop, *, in_a_transaction: int) -> None:
        self.history: dict[int, list[tuple[str, str | None]]] = {}
        self._shop = shop
        self._in_a_transaction = in_a_transaction
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _write(self) -> None:
        rng = random.Random(self._in_a_transaction)  # noqa: S311
        connection = psycopg2.connect(self._shop.server.uri(self._shop.database), password=self._shop.server.password)
        alive: list[int] = []
        number = 0
        while not self._stop.is_set():
            with connection, connection.cursor() as cursor:
                done = []
                for _ in range(self._in_a_transaction):
                    number += 1
                    done.append(self._change(cursor, rng, alive, number))
                    time.sleep(0.002)
            for row_id, operation, customer in done:
                self.history.setdefault(row_id, []).append((operation, customer))
        connection.close()

    def _change(self, cursor: Any, rng: random.Random, alive: list[int], number: int) -> tuple[int, str, str | None]:
        operation = rng.choice(["create", "update", "update", "delete"]) if alive else "create"
        if operation == "create":
            cursor.execute(
                "insert into orders (status, currency, customer_id) values ('open', 'EUR', %s) returning id", (number,)
            )
            (row_id,) = cursor.fetchone()
            alive.append(row_id)
            return row_id, operation, str(number)
        row_id = rng.choice(alive)
        if operation == "update":
            cursor.execute("update orders set customer_id = %s where id = %s", (number, row_id))
            return row_id, operation, str(number)
        cursor.execute("delete from orders where id = %s", (row_id,))
        alive.remove(row_id)
        return row_id, operation, None


def captured_history(lines: list[dict[str, Any]]) -> dict[int, list[tuple[str, str | None]]]:
    """What the inbox tells of each row, without what came again."""
    history: dict[int, list[tuple[str, str | None]]] = {}
    newest = None
    for line in lines:
        if line["op"] in {"create", "update", "delete"}:
            position = position_of(line["body"])
            assert position
            if newest is None or (position != newest and not is_before(position, newest)):
                newest = position
                after = line["body"]["after"]
                history.setdefault(line["id"], []).append((line["op"], str(after["customer_id"]) if after else None))
    return history


def test_kills_lose_no_change(shop: Shop, disk: Store, tmp_path: Path) -> None:
    rng = random.Random(3)  # noqa: S311
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait_for_log(SNAPSHOT)
        assert capture.end() == 0
    with Writer(shop, in_a_transaction=1) as quick, Writer(shop, in_a_transaction=200) as slow:
        for _ in range(6):
            with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
                time.sleep(rng.uniform(0.2, 4))
                capture.kill()
                assert CONTINUES in capture.text, capture.text
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: captured_history(changes(disk)) == quick.history | slow.history)
    assert min(sum(map(len, each.history.values())) for each in (quick, slow)) > 2_000
    assert [line["op"] for line in changes(disk)].count("snapshot_started") == 1
    found = {row_id: row["customer_id"] for row_id, row in applied(disk).items()}
    assert found == {row_id: row["customer_id"] for row_id, row in shop.rows().items()}


def test_a_kill_in_the_middle_of_a_large_transaction(shop: Shop, disk: Store, tmp_path: Path) -> None:
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        shop.run(
            "insert into orders (status, currency) select 'open', 'EUR' from generate_series(1, 60000); "
            "update orders set status = 'paid' where id % 2 = 0; delete from orders where id % 3 = 0"
        )
        capture.wait(lambda: len(changes(disk)) > 2)
        capture.kill()
    stored = [line["op"] for line in changes(disk)]
    assert len(stored) < 2 + 60000 + 30000 + 20000, "it was killed before the end"
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        assert CONTINUES in capture.text, capture.text
    assert [line["op"] for line in changes(disk)[: len(stored)]] == stored


def test_a_kill_while_transactions_overlap(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """The changes of the one that began first are older in the log than the commit of the other, and come later."""
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        with psycopg2.connect(shop.server.uri(shop.database), password=shop.server.password) as first:
            first.cursor().execute(
                "insert into orders (status, currency) select 'open', 'EUR' from generate_series(1, 40000)"
            )
            shop.run(order("paid"), order("refunded"))
            wait_for_the_shop(capture, disk, shop)
            time.sleep(12)  # the slot follows, with a heartbeat
            stored = len(changes(disk))
        first.close()
        capture.wait(lambda: len(changes(disk)) > stored)
        capture.kill()
    assert len(changes(disk)) < 40000, "it was killed before the end"
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        assert CONTINUES in capture.text, capture.text
        assert "starts again" not in capture.text
        assert capture.end() == 0
    assert statuses(applied(disk)) == statuses(shop.rows())


def test_a_kill_during_the_snapshot(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """The next start begins a new one; the first one has no end."""
    shop.run("insert into orders (status, currency) select 'open', 'EUR' from generate_series(1, 40000)")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: bool(changes(disk)))
        capture.kill()
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
    operations = [line["op"] for line in changes(disk)]
    assert operations.count("snapshot_started") == 2
    assert operations.count("snapshot_completed") == 1


def test_what_makes_a_new_snapshot(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """Each time rows are deleted while no capture runs, which no change tells: the new snapshot lacks them."""
    folder = tmp_path / "capture"
    shop.run("insert into orders (status, currency) select 'open', 'EUR' from generate_series(1, 20)")

    def lose_the_position() -> None:
        (folder / "shop" / "offsets.dat").unlink()

    def lose_half_of_the_position() -> None:
        offsets = folder / "shop" / "offsets.dat"
        offsets.write_bytes(offsets.read_bytes()[:40])

    def drop_the_slot() -> None:
        shop.run(f"select pg_drop_replication_slot('{shop.slot}')")

    def make_another_slot() -> None:
        drop_the_slot()
        shop.run(f"select pg_create_logical_replication_slot('{shop.slot}', 'pgoutput')")

    def empty_the_lake() -> None:
        shutil.rmtree(disk.uri.removeprefix("file://"))

    def delete_the_inbox() -> None:
        """With a change in it that was not applied."""
        shutil.rmtree(Path(disk.uri.removeprefix("file://"), "inbox"))

    def forget_a_table() -> None:
        path = folder / "shop" / "state.json"
        state = json.loads(path.read_bytes())
        del state["tables"]["order_items"]
        path.write_text(json.dumps(state))

    def drop_the_publication() -> None:
        shop.run(f"drop publication {shop.slot}")

    damages = (
        lose_the_position, lose_half_of_the_position, drop_the_slot, make_another_slot, empty_the_lake, forget_a_table,
        drop_the_publication, delete_the_inbox,
    )  # fmt: skip
    for number, damage in enumerate((None, *damages, None)):
        if damage:
            shop.run("delete from orders where id in (select min(id) from orders)")
            damage()
        with running_capture(shop, disk.uri, folder) as capture:
            wait_for_the_shop(capture, disk, shop)
            shop.run(order("paid"))
            wait_for_the_shop(capture, disk, shop)
            assert (CONTINUES in capture.text) == (number > len(damages)), (damage, capture.text)
            assert capture.end() == 0
        assert statuses(applied(disk)) == statuses(shop.rows()), damage
    operations = [line["op"] for line in changes(disk)]
    assert operations.count("snapshot_started") == operations.count("snapshot_completed")


def test_changes_that_no_log_tells_are_in_a_new_snapshot(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """A table that left the publication, or was made again, while the capture reads: the log does not tell it."""
    shop.run('create table public."Orders" (id text primary key)', """insert into "Orders" values ('a')""")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        shop.run(f"alter publication {shop.slot} drop table orders", order("open"))
        wait_for_the_shop(capture, disk, shop)
        assert f"the publication {shop.slot} lacks public.orders now" in capture.text
        capture.wait_for_log("Debezium reads the database", times=2)
        shop.run(
            f"alter publication {shop.slot} drop table orders",
            "create table other (like orders including all)",
            "drop table orders cascade",
            "alter table other rename to orders",
            order("paid", 7),
            f"alter publication {shop.slot} add table orders",
        )
        wait_for_the_shop(capture, disk, shop)
        assert "public.orders is another table than before" in capture.text
        assert statuses(shop.rows()) == {7: "paid"}
        assert capture.request("GET", "/health").status in {200, 503}
        capture.wait_for_log("Debezium reads the database", times=3)
        shop.run(f"alter publication {shop.slot} set (publish = 'insert')")
        capture.wait_for_log("leaves out some operations. Run: alter publication")
        capture.wait(lambda: capture.request("GET", "/health").status == 503)
        shop.run(
            "delete from orders", f"alter publication {shop.slot} set (publish = 'insert, update, delete, truncate')"
        )
        wait_for_the_shop(capture, disk, shop)
        assert capture.end() == 0
    assert applied(disk) == {}


def test_a_lake_that_is_emptied_while_the_capture_runs(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """The next change is not stored without the rows of before: all tables are read, with no one's help."""
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        shop.run(order("open"), order("open"))
        wait_for_the_shop(capture, disk, shop)
        shutil.rmtree(disk.uri.removeprefix("file://"))
        shop.run(order("paid"))
        wait_for_the_shop(capture, disk, shop)
        assert "all tables are read: the lake lacks inbox/shop/orders/" in capture.text
        shop.run(order("paid"))
        wait_for_the_shop(capture, disk, shop)
        assert capture.end() == 0
    assert len(applied(disk)) == 4


def test_a_database_that_was_restored_is_read_again(tmp_path: Path, disk: Store) -> None:
    """From a copy of its disk, as clouds make it: it has the slot, and less of its log than was captured."""
    with running_postgres() as server, new_shop(server) as shop:
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            shop.run(order("open"), order("open"))
            wait_for_the_shop(capture, disk, shop)
            assert capture.end() == 0
        server.stop()
        subprocess.run(["cp", "-a", server.folder / "data", server.folder / "copy"], check=True)
        server.start()
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            shop.run("update orders set status = 'paid'", order("open"))
            wait_for_the_shop(capture, disk, shop)
            assert capture.end() == 0
        assert len(applied(disk)) == 3
        server.stop()
        shutil.rmtree(server.folder / "data")
        (server.folder / "copy").rename(server.folder / "data")
        server.start()
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            shop.run("update orders set status = 'refunded' where id = 1")
            wait_for_the_shop(capture, disk, shop)
            assert "as after a restore from a backup" in capture.text
        assert statuses(applied(disk)) == {1: "refunded", 2: "open"}


def test_the_capture_waits_for_the_lake(shop: Shop, proxy: FaultyProxy, bucket: str, s3: Any, tmp_path: Path) -> None:
    """Nothing is acknowledged meanwhile, and it goes on by itself; a kill in between loses nothing."""
    lake = open_store(f"s3://{bucket}/lake", s3=s3)
    reach = S3 | {"AWS_ENDPOINT_URL": proxy.endpoint}
    with running_capture(shop, lake.uri, tmp_path / "capture", **reach) as capture:
        wait_for_the_shop(capture, lake, shop)
        proxy.denied.add("inbox")
        shop.run("insert into orders (status, currency) select 'open', 'EUR' from generate_series(1, 20000)")
        capture.wait_for_log("the lake cannot be written")
        position = shop.run(f"select confirmed_flush_lsn from pg_replication_slots where slot_name = '{shop.slot}'")
        assert capture.request("GET", "/health").status == 503
        assert capture.metric("store_works") == 0
        time.sleep(20)
        assert capture.metric("lag_seconds") > 15
        assert resident_mb(capture.pid) < 900
        assert position == shop.run(
            f"select confirmed_flush_lsn from pg_replication_slots where slot_name = '{shop.slot}'"
        )
        proxy.denied.clear()
        wait_for_the_shop(capture, lake, shop)
        assert capture.request("GET", "/health").status == 200
        proxy.denied.add("inbox")
        shop.run(order("paid"))
        capture.wait_for_log("the lake cannot be written", times=2)
        began = time.monotonic()
        assert capture.end() == 0
        assert time.monotonic() - began < 10
    proxy.denied.clear()
    with running_capture(shop, lake.uri, tmp_path / "capture", **reach) as capture:
        wait_for_the_shop(capture, lake, shop)
        assert CONTINUES in capture.text, capture.text


def test_the_capture_waits_for_the_database(tmp_path: Path, disk: Store) -> None:
    """The server restarts, and later crashes: the capture starts again by itself, without a new snapshot."""
    with running_postgres() as server, new_shop(server) as shop:
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            wait_for_the_shop(capture, disk, shop)
            for mode in ("fast", "immediate"):
                starts = capture.text.count("Debezium reads the database")
                server.stop(mode)
                capture.wait(lambda: capture.request("GET", "/health").status == 503)
                server.start()
                shop.run(order("open"))
                capture.wait_for_log("Debezium reads the database", times=starts + 1)
                wait_for_the_shop(capture, disk, shop)
                assert capture.request("GET", "/health").status == 200
            shop.run("select pg_terminate_backend(active_pid) from pg_replication_slots where active", order("paid"))
            wait_for_the_shop(capture, disk, shop)
            assert capture.metric("restarts_total") >= 3
            assert capture.end() == 0
        assert [line["op"] for line in changes(disk)].count("snapshot_started") == 1
        assert server.password not in capture.text


def test_another_password_is_for_a_new_process(tmp_path: Path, disk: Store) -> None:
    """What is connected goes on. After a restart of the server the capture ends, and another one continues."""
    with running_postgres() as server, new_shop(server) as shop:
        shop.run("create role reader superuser login password 'the first one'")
        role = {"GAMELAKE_CAPTURE_URI": server.uri(shop.database, "reader")}
        with running_capture(shop, disk.uri, tmp_path / "capture", PGPASSWORD="the first one", **role) as capture:
            wait_for_the_shop(capture, disk, shop)
            shop.run(order("open"))
            wait_for_the_shop(capture, disk, shop)  # after the snapshot, the log is read by another connection
            shop.run("alter role reader password 'the second one'", order("open"))
            wait_for_the_shop(capture, disk, shop)
            capture.wait_for_log("the next connection ends the capture")
            assert capture.request("GET", "/health").status == 200
            server.stop()
            server.start()
            assert capture.process.wait(timeout=SECONDS) == 1
        assert "the capture ends: " in capture.text
        assert "the password is wrong: set the right one in GAMELAKE_CAPTURE_URI or PGPASSWORD" in capture.text
        assert "the first one" not in capture.text
        shop.run(order("paid"))
        with running_capture(shop, disk.uri, tmp_path / "capture", PGPASSWORD="the second one", **role) as capture:
            wait_for_the_shop(capture, disk, shop)
            assert CONTINUES in capture.text, capture.text
            assert capture.end() == 0


def test_a_capture_gives_signs_and_a_second_one_is_refused(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """Also of a database in which nothing happens; with another slot, two snapshots would mix in the inboxes."""
    other = replace(shop, slot=f"{shop.slot}_other")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: read_sign(disk, "shop") is not None)
        text = start_that_fails(other, disk.uri, tmp_path / "other")
        assert f"another capture of shop reads the slot {shop.slot} of the database" in text
        assert capture.end() == 0
    sign = read_sign(disk, "shop")
    assert sign
    assert sign.ended
    with running_capture(other, disk.uri, tmp_path / "other") as capture:
        wait_for_the_shop(capture, disk, shop)
        assert capture.end() == 0
    other.drop()


def test_an_idle_table_holds_no_log_back(shop: Shop, disk: Store, tmp_path: Path) -> None:
    shop.run("create table public.other (text text)")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        shop.run("insert into other select repeat('x', 1000) from generate_series(1, 20000)")
        lag = (
            "select pg_current_wal_lsn() - confirmed_flush_lsn from pg_replication_slots "
            f"where slot_name = '{shop.slot}'"
        )
        assert shop.run(lag)[0][0] > 10_000_000
        capture.wait(lambda: shop.run(lag)[0][0] < 1_000_000)
        assert len(changes(disk)) == 2
    with psycopg2.connect(shop.server.uri(shop.database), password=shop.server.password) as open_for_long:
        open_for_long.cursor().execute(order("open"))
        shop.run("insert into other select repeat('x', 1000) from generate_series(1, 20000)")
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            capture.wait(lambda: capture.metric("slot_retained_bytes") > 10_000_000)
    open_for_long.close()


def test_drop_leaves_nothing(shop: Shop, disk: Store, tmp_path: Path) -> None:
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        wait_for_the_shop(capture, disk, shop)
        assert "in use by another process" in start_that_fails(shop, disk.uri, tmp_path / "other")
        assert "another process captures this source" in start_that_fails(shop, disk.uri, tmp_path / "capture")
        assert capture.end() == 0
    subprocess.run(
        [PYTHON, "-m", "apps.change_capture", f"--slot={shop.slot}", "--drop"],
        cwd=REPOSITORY, env=environment(shop, disk.uri, tmp_path / "capture"), check=True, timeout=SECONDS,
    )  # fmt: skip
    assert shop.run(f"select 1 from pg_replication_slots where slot_name = '{shop.slot}'") == []
    assert shop.run("select 1 from pg_publication") == []
    assert [path.name for path in (tmp_path / "capture" / "shop").iterdir()] == ["lock"]


@pytest.fixture(scope="module")
def closed(postgres: LocalPostgres) -> Iterator[Shop]:
    """A shop with a role that may do nothing."""
    with new_shop(postgres) as shop:
        shop.run("create role capture login password 'of-the-capture'", "revoke all on schema public from public")
        yield shop
        shop.run("drop owned by capture")
        shop.run("drop role capture")


def test_the_start_names_what_is_missing(closed: Shop, disk: Store, tmp_path: Path) -> None:
    """Step by step, as a person would: each message has the statement that helps."""
    role = {"GAMELAKE_CAPTURE_URI": closed.server.uri(closed.database, "capture"), "PGPASSWORD": "of-the-capture"}

    def fails(**others: str) -> str:
        text = start_that_fails(closed, disk.uri, tmp_path / "capture", **role | others)
        assert "of-the-capture" not in text
        assert "not-the-password" not in text
        assert "Traceback" not in text
        return text.splitlines()[-1]

    assert "the password is wrong" in fails(PGPASSWORD="not-the-password")
    assert "there is no such database" in fails(GAMELAKE_CAPTURE_URI=closed.server.uri("nowhere", "capture"))
    assert "the server does not answer" in fails(GAMELAKE_CAPTURE_URI="postgresql://capture@127.0.0.1:1/shop")
    assert 'alter role "capture" replication' in fails()
    closed.run("alter role capture replication")
    assert "grant usage on schema" in fails()
    closed.run("grant usage on schema public to capture", "grant select on orders, order_items to capture")
    assert "create publication" in fails()
    closed.run(f"create publication {closed.slot} for table orders, order_items")
    closed.run("alter table order_items replica identity nothing")
    assert "replica identity full" in fails()
    closed.run("alter table order_items replica identity full", "alter table order_items rename to items")
    assert "public.order_items: there is no such table" in fails()
    closed.run("alter table items rename to order_items", "alter table orders rename column id to order_id")
    assert "found the primary key order_id, expected id alone" in fails()
    closed.run("alter table orders rename column order_id to id")
    with running_capture(closed, disk.uri, tmp_path / "capture", **role) as capture:
        wait_for_the_shop(capture, disk, closed)
        assert "of-the-capture" not in capture.text
        assert capture.end() == 0
    secrets = ("of-the-capture", closed.server.password)
    for path in [*tmp_path.rglob("*.gz"), *(tmp_path / "capture").rglob("*")]:
        if path.is_file():
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            assert not any(each.encode() in data for each in secrets), path


def test_a_log_without_changes_is_refused(tmp_path: Path, disk: Store) -> None:
    with running_postgres(wal_level="replica") as server, new_shop(server) as shop:
        text = start_that_fails(shop, disk.uri, tmp_path / "capture")
        assert "wal_level: found replica, expected logical. Run `alter system set wal_level = logical`" in text


def test_java_is_missing(shop: Shop, disk: Store, tmp_path: Path) -> None:
    text = start_that_fails(
        shop,
        disk.uri,
        tmp_path / "capture",
        before="import jpype\ndef none(): raise jpype.JVMNotFoundException('no JVM')\njpype.getDefaultJVMPath = none",
    )
    assert "Java is missing: install Java 17 or newer" in text
    assert "Traceback" not in text

"""Tables and databases that Debezium reads wrongly, or in part: they are refused, or what is missing is told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.support.capture import changes, new_shop, replayed, running_capture, start_that_fails

if TYPE_CHECKING:
    from pathlib import Path

    from examples.shop.local_postgres import LocalPostgres
    from gamelake.lake.store import Store
    from tests.support.capture import Shop

pytestmark = pytest.mark.capture

INSERT = "insert into public.orders (status, currency) values ('open', 'EUR')"


def test_a_large_value_without_a_placeholder_needs_the_full_identity(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """At the start, and where the identity changes while the capture runs."""
    shop.run(
        "create domain numbers as int[]",
        "alter table orders replica identity default",
        "alter table orders add column file bytea, add column days date[], add column odd numbers",
        "alter table orders add column ids int[]",
        INSERT,
        "update orders set file = convert_to(string_agg, 'UTF8') from (select string_agg(md5(x::text), '') "
        "from generate_series(1, 1000) x) made",
    )
    refused = "public.orders: file (bytea), days (date[]), odd (numbers): a change that leaves a large value alone"
    assert refused in start_that_fails(shop, disk.uri, tmp_path / "capture")
    shop.run("alter table orders replica identity full")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: replayed(changes(disk)) is not None)
        shop.run("update orders set status = 'paid'")
        capture.wait(lambda: changes(disk)[-1]["op"] == "update")
        assert changes(disk)[-1]["body"]["after"]["file"] == changes(disk)[1]["body"]["after"]["file"]
        shop.run("alter table orders replica identity default")
        capture.wait_for_log(refused)
        shop.run("update orders set status = 'refunded'", "alter table orders replica identity full")
        capture.wait(lambda: (replayed(changes(disk)) or {})[1]["status"] == "refunded")
        assert changes(disk)[-2]["body"]["after"]["file"] == changes(disk)[1]["body"]["after"]["file"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (["create type mood as enum ()"], "the type mood: found an enum without values"),
        (
            ["create type mood as enum ('sad')", "create domain feeling as mood", "create domain other as feeling"],
            "the type feeling: found a domain over an enum",
        ),
        (["alter table orders add column tag name"], "public.orders: tag (name): Debezium reads null"),
    ],
)
def test_a_type_that_debezium_cannot_read(
    shop: Shop, disk: Store, tmp_path: Path, made: list[str], expected: str
) -> None:
    shop.run(*made)
    assert expected in start_that_fails(shop, disk.uri, tmp_path / "capture")


def test_a_value_that_debezium_reads_as_another_costs_its_row(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """In a snapshot and in changes; a column that it cannot read is named, also of a table without rows."""
    shop.run(
        "alter table order_items add column area box",
        "create domain days as date[]",
        "alter table orders drop column customer_id, add column customer_id time, add column tags text[], "
        "add column until timestamp, add column days days, add column born date, add column prices numeric[]",
    )
    odd = [
        "update orders set customer_id = '24:00' where id = 1",
        "update orders set tags = '{{a}}', prices = '{NaN}', days = array[date '0044-03-15 BC'] where id = 2",
        "update orders set customer_id = '00:00', tags = '{null}', until = '-infinity', born = 'infinity' where id = 3",
    ]
    shop.run(INSERT, INSERT, INSERT, INSERT, *odd, "update orders set born = '0044-03-15 BC' where id = 4")
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: replayed(changes(disk)) is not None)
        shop.run("update orders set born = null where id = 4", *odd)
        capture.wait(lambda: len(changes(disk)) == 10)
        assert (
            "public.order_items: Debezium cannot read the type of these columns, rows lack them: area (box)"
            in capture.text
        )
        assert capture.metric("restarts_total") == 0
    rows = replayed(changes(disk)) or {}
    assert [str(line["fault"])[:29] for line in changes(disk) if "fault" in line] == [
        "customer_id: found the time 2"
    ] * 2
    assert rows[2].keys() & {"tags", "prices", "days"} == set()
    found = [rows[3][name] for name in ("customer_id", "tags", "until", "born")]
    assert found == ["00:00:00Z", [None], "-infinity", "infinity"]
    read = next(line for line in changes(disk) if line["id"] == 4)
    assert "born" not in read["body"]["after"]


def test_a_database_of_another_encoding(postgres: LocalPostgres, disk: Store, tmp_path: Path) -> None:
    with new_shop(postgres, "encoding 'SQL_ASCII' template template0") as shop:
        assert "has the encoding SQL_ASCII" in start_that_fails(shop, disk.uri, tmp_path / "capture")
    with new_shop(postgres, "encoding 'EUC_KR' template template0") as shop:
        shop.run("alter table orders add column note text", INSERT, "update orders set note = '가게'")
        with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
            capture.wait(lambda: (replayed(changes(disk)) or {1: {}})[1].get("note") == "가게")
            shop.run("update orders set note = '주문'")
            capture.wait(lambda: (replayed(changes(disk)) or {})[1]["note"] == "주문")


def test_a_key_that_is_renamed_and_back(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """The log has changes of another key, which are read from no position: one new snapshot heals that."""
    shop.run(INSERT)
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait(lambda: replayed(changes(disk)) is not None)
        shop.run("alter table orders rename id to other", INSERT, "alter table orders rename other to id", INSERT)
        capture.wait(lambda: sorted(replayed(changes(disk)) or {}) == [1, 2, 3])
        shop.run(INSERT)
        capture.wait(lambda: sorted(replayed(changes(disk)) or {}) == [1, 2, 3, 4])
        assert capture.metric("snapshots_total") == 2


def test_a_snapshot_outlives_the_timeouts_of_its_role(shop: Shop, disk: Store, tmp_path: Path) -> None:
    """It waits for a lock that a migration holds."""
    shop.run(
        INSERT,
        f"alter database {shop.database} set lock_timeout = '300ms'",
        f"alter database {shop.database} set statement_timeout = '2s'",
        f"alter database {shop.database} set idle_in_transaction_session_timeout = '300ms'",
    )

    def migrate() -> None:
        connection = psycopg2.connect(shop.server.uri(shop.database), password=shop.server.password)
        with connection, connection.cursor() as cursor:
            cursor.execute("set idle_in_transaction_session_timeout = 0")
            while not shop.run("select 1 from pg_publication"):
                time.sleep(0.01)
            cursor.execute("lock table orders in access exclusive mode")
            time.sleep(4)
        connection.close()

    migration = threading.Thread(target=migrate)
    migration.start()
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        migration.join()
        capture.wait(lambda: replayed(changes(disk)) is not None)
        assert capture.metric("restarts_total") == 0

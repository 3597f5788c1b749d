"""Tables and databases that Debezium reads wrongly, or in part: they are refused, or what is missing is told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.support.capture import changes, replayed, running_capture, start_that_fails

if TYPE_CHECKING:
    from pathlib import Path

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
        (["alter table orders add column tag name"], "public.orders: tag (name): each change comes with null"),
    ],
)
def test_a_type_that_debezium_cannot_read(
    shop: Shop, disk: Store, tmp_path: Path, made: list[str], expected: str
) -> None:
    shop.run(*made)
    assert expected in start_that_fails(shop, disk.uri, tmp_path / "capture")


def test_columns_that_are_left_out_are_named(shop: Shop, disk: Store, tmp_path: Path) -> None:
    shop.run("alter table orders add column area box, add column note text, add column money money[]", INSERT)
    with running_capture(shop, disk.uri, tmp_path / "capture") as capture:
        capture.wait_for_log("shop.orders: Debezium cannot read the type of these columns, rows lack them: area, money")
        assert "rows lack them" not in capture.text.replace("rows lack them: area, money", "")


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

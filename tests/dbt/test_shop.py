"""The sales of a shop: the mart against sums that are exact and share nothing with dbt."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.days import day_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt import Dbt
    from tests.support.raw_lake import Lake

STATUSES = ("paid", "paid", "paid", "refunded", "cancelled", "open")
BEGAN = datetime(2026, 11, 18, tzinfo=UTC)
MODELS = "+mart_game_sales"
TESTED = ("stg_shop__orders", "stg_shop__order_items", "mart_game_sales")


def rows_of(generation: Path) -> list[tuple[Any, ...]]:
    parquet = f"{generation}/restricted/mart_game_sales.parquet"
    query = f"select * from read_parquet('{parquet}', hive_partitioning = false) order by game_id, currency"
    return duckdb.sql(query).fetchall()


def shop(chance: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders, and their items: of 1 to 4 games, some of them on two lines, and some unknown."""
    orders: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    for order in range(1, 201):
        at = BEGAN + timedelta(minutes=chance.randrange(3 * 24 * 60), microseconds=order)
        times = dict.fromkeys(("ordered_at", "updated_at"), at.isoformat().replace("+00:00", "Z"))
        given = {"status": chance.choice(STATUSES), "currency": chance.choice(("EUR", "EUR", "KRW"))}
        orders.append({"id": order, "customer_id": chance.randrange(50), **given, **times})
        for _ in range(chance.randint(1, 4)):
            price = f"{Decimal(chance.randrange(1, 12_000)) / 100:.2f}"
            game = chance.choice((1, 2, 3, 4, 999))
            sold = {"game_id": game, "quantity": chance.randint(1, 3), "unit_price": price}
            items.append({"id": len(items) + 1, "order_id": order, **sold})
    return orders, items


def expected(orders: list[dict[str, Any]], items: list[dict[str, Any]], names: dict[int, str]) -> list[tuple[Any, ...]]:
    sold = defaultdict(list)
    of_id = {order["id"]: order for order in orders}
    for item in items:
        order = of_id[item["order_id"]]
        if order["status"] in {"paid", "refunded"}:
            sold[item["game_id"], order["currency"]].append((item, order))
    found = []
    for (game, currency), lines in sorted(sold.items()):
        back = [item for item, order in lines if order["status"] == "refunded"]
        units = sum(item["quantity"] for item, _ in lines)
        gross = sum((item["quantity"] * Decimal(item["unit_price"]) for item, _ in lines), Decimal("0.00"))
        refunded = sum((item["quantity"] * Decimal(item["unit_price"]) for item in back), Decimal("0.00"))
        days = sorted(day_of(datetime.fromisoformat(order["ordered_at"])) for _, order in lines)
        found.append(
            (
                game, currency, names.get(game), len({order["id"] for _, order in lines}), units, gross,
                sum(item["quantity"] for item in back), refunded, gross - refunded, float(gross) / units,
                days[0], days[-1],
            )
        )  # fmt: skip
    return found


@pytest.mark.slow
def test_sales_are_exact_and_nothing_is_multiplied(lake: Lake, dbt: Dbt) -> None:
    orders, items = shop(random.Random(5))  # noqa: S311 - no secret
    lake.add("games", [{"id": each, "name": f"Game {each}"} for each in (1, 2, 3, 4, 5)], claims=[(0, None)])
    # A snapshot, then changes: a newer row replaces an order, and a claim deletes one.
    lake.add("shop.orders", [*orders, {**orders[0], "id": 9000}], claims=[(0, None)])
    lake.add("shop.order_items", [*items, {**items[0], "id": 9000, "order_id": 9000}], claims=[(0, None)])
    orders[1] = {**orders[1], "status": "refunded"}
    lake.add("shop.orders", [orders[1]])
    lake.add("shop.orders", [], claims=[(9000, 9001)])
    lake.add("shop.order_items", [], claims=[(9000, 9001)])
    generation = lake.generation()
    for command in (("run", "-s", MODELS), ("test", "-s", *TESTED, "--exclude-resource-type", "unit_test")):
        done = dbt(*command, generation=generation)
        assert done.success, done.messages
    rows = rows_of(generation)
    assert rows == expected(orders, items, {each: f"Game {each}" for each in (1, 2, 3, 4, 5)})
    assert len(rows) == 10
    # A build of a lake without the shop has the mart, empty.
    lake.files["shop.orders"], lake.files["shop.order_items"] = [], []
    generation = lake.generation("without")
    assert dbt("run", "-s", MODELS, generation=generation).success
    assert rows_of(generation) == []


@pytest.mark.slow
def test_an_odd_item_costs_itself(lake: Lake, dbt: Dbt) -> None:
    """Numbers that the contract lets through: none of them stops the other marts."""
    lake.add("games", [{"id": 1, "name": "Game 1"}], claims=[(0, None)])
    at = "2026-11-20T10:00:00Z"
    order = {"customer_id": 1, "currency": "EUR", "ordered_at": at, "updated_at": at}
    lake.add("shop.orders", [{"id": 1, "status": "paid", **order}, {"id": 2, "status": "refunded", **order}])
    sold = {"order_id": 1, "game_id": 1, "quantity": 1, "unit_price": "2.00"}
    odd: list[dict[str, Any]] = [
        {"quantity": 2**62}, {"quantity": 10**12 + 1}, {"quantity": -5}, {"unit_price": "NaN"}, {"unit_price": "1e400"},
        {"game_id": 2, "quantity": -5}, {"game_id": 3, "unit_price": "Infinity"},
    ]  # fmt: skip
    items = [sold, {**sold, "order_id": 2}, {**sold, "game_id": 4, "quantity": 10**12, "unit_price": "9999999999.99"}]
    items += [{**sold, **change} for change in odd]
    lake.add("shop.order_items", [{"id": number, **item} for number, item in enumerate(items)])
    generation = lake.generation()
    for command in (("run", "-s", MODELS), ("test", "-s", *TESTED, "--exclude-resource-type", "unit_test")):
        done = dbt(*command, generation=generation)
        assert done.success, done.messages
    assert [(row[0], row[4], row[8]) for row in rows_of(generation)] == [
        (1, 2, Decimal("2.00")), (4, 10**12, Decimal("9999999999990000000000.00")),
    ]  # fmt: skip

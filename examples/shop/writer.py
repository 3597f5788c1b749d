"""Makes sample sales in the shop: orders of one to four games, which are paid, refunded, cancelled or deleted later.

    python -m examples.shop.writer --sales=200              200 orders, at once
    python -m examples.shop.writer --every=2                one order every 2 seconds, until Ctrl-C

The database is that of GAMELAKE_CAPTURE_URI, and the password that of PGPASSWORD. Tables that it lacks are made.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - a class

SCHEMA = Path(__file__).with_name("schema.sql")
GAMES = 5000
"""Games have ids up to this one: most of them are of the sandbox, and a few are of no game that the lake has."""
_CURRENCIES = ("KRW", "USD", "EUR", "JPY")
_PRICES = {"KRW": (9_900, 79_800), "JPY": (980, 9_680), "USD": (4.99, 69.99), "EUR": (4.99, 69.99)}


def prepare(connection: Connection) -> None:
    """Make the tables, if they are missing."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('public.orders')")
        if cursor.fetchone() == (None,):
            cursor.execute(SCHEMA.read_text(encoding="utf-8"))


def sell(connection: Connection, rng: random.Random) -> None:
    """Make one order, and change an earlier one, in a transaction each."""
    currency = rng.choice(_CURRENCIES)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into orders (customer_id, status, currency) values (%s, %s, %s) returning id",
            (rng.randint(1, 500), rng.choice(("open", "paid", "paid", "paid")), currency),
        )
        (order,) = cursor.fetchone() or (0,)
        # A few games sell often.
        games = {min(GAMES, 1 + int(rng.paretovariate(0.6))) for _ in range(rng.randint(1, 4))}
        for game in sorted(games):
            price = round(rng.uniform(*_PRICES[currency]), 0 if currency in {"KRW", "JPY"} else 2)
            cursor.execute(
                "insert into order_items (order_id, game_id, quantity, unit_price) values (%s, %s, %s, %s)",
                (order, game, rng.choice((1, 1, 1, 2, 3)), price),
            )
    with connection, connection.cursor() as cursor:
        earlier = "(select id from orders where status = %s order by random() limit 1)"
        match rng.randint(1, 20):
            case 1 | 2 | 3 | 4:
                cursor.execute(f"update orders set status = 'paid', updated_at = now() where id = {earlier}", ("open",))
            case 5:
                cursor.execute(
                    f"update orders set status = 'refunded', updated_at = now() where id = {earlier}",
                    ("paid",),
                )
            case 6:
                cursor.execute(
                    f"update orders set status = 'cancelled', updated_at = now() where id = {earlier}",
                    ("open",),
                )
            case 7:
                cursor.execute(f"delete from orders where id = {earlier}", ("cancelled",))


def main() -> int:
    """Make sales. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop.writer", description="Make sample sales.")
    parser.add_argument("--sales", type=int, help="how many orders (default: until Ctrl-C)")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two orders (default: none)")
    parser.add_argument("--seed", type=int, help="for the same sales each time")
    arguments = parser.parse_args()
    uri = os.environ.get("GAMELAKE_CAPTURE_URI")
    if not uri:
        print("GAMELAKE_CAPTURE_URI: not set, expected postgresql://user@host:5432/shop", file=sys.stderr)
        return 1
    rng = random.Random(arguments.seed)
    connection = psycopg2.connect(uri)
    prepare(connection)
    made = 0
    while arguments.sales is None or made < arguments.sales:
        sell(connection, rng)
        made += 1
        time.sleep(arguments.every)
    connection.close()
    print(f"{made} orders")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""Rebuild a table from its topic in SQLite, and follow it.

    python examples/table_from_topic.py 127.0.0.1:9092 gamelake.igdb.games games.sqlite
    sqlite3 games.sqlite "select id, row ->> 'name' from rows limit 5"

It needs aiokafka, and nothing of gamelake. Messages are applied in the order of their partition. Rows and offsets
change in one transaction: after a kill it goes on where the last transaction ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

from aiokafka import AIOKafkaConsumer

TABLES = """
create table if not exists rows (id integer primary key, partition integer not null, row text not null);
create table if not exists offsets (partition integer primary key, next integer not null);
"""


def apply(db: sqlite3.Connection, partition: int, message: dict[str, Any]) -> None:
    """Apply a message of the topic."""
    if message["op"] == "t":  # the table begins again; each partition is told so, and has its own rows
        db.execute("delete from rows where partition = ?", [partition])
    elif message["op"] == "d":
        db.execute("delete from rows where id = ?", [message["id"]])
    else:  # r: a row of the table; c, u: created, updated
        row = json.dumps(message["after"])
        db.execute("insert or replace into rows values (?, ?, ?)", [message["id"], partition, row])


async def follow(db: sqlite3.Connection, servers: str, topic: str, *, idle: float | None) -> None:
    """Apply messages as they come.

    Args:
        db: The database.
        servers: Addresses of brokers.
        topic: The topic of a table.
        idle: End after so many seconds without a message. None: never.
    """
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        # Without a consumer group each process reads all partitions, and keeps its own offsets.
        known = dict(db.execute("select partition, next from offsets"))
        for partition in consumer.assignment():
            if partition.partition in known:
                consumer.seek(partition, known[partition.partition])
        while True:
            batches = await consumer.getmany(timeout_ms=1000 if idle is None else int(idle * 1000))
            if idle is not None and not batches:
                return
            with db:
                for partition, messages in batches.items():
                    for message in messages:
                        apply(db, partition.partition, json.loads(message.value))
                    db.execute(
                        "insert or replace into offsets values (?, ?)",
                        [partition.partition, messages[-1].offset + 1],
                    )
    finally:
        await consumer.stop()


def main() -> None:
    """Read the arguments, and follow the topic."""
    parser = argparse.ArgumentParser(description="Rebuild a table from its topic in SQLite, and follow it.")
    parser.add_argument("servers", help="addresses of brokers: broker-1:9092,broker-2:9092")
    parser.add_argument("topic", help="such as gamelake.igdb.games")
    parser.add_argument("database", help="the file of SQLite")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="end when no message came for so long")
    given = parser.parse_args()
    with closing(sqlite3.connect(given.database)) as db:
        db.executescript(TABLES)
        asyncio.run(follow(db, given.servers, given.topic, idle=given.idle))


if __name__ == "__main__":
    main()

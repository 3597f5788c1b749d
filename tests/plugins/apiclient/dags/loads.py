"""Loads that Airflow runs for test_operator_in_airflow.py; as a script, it runs them and notes what comes of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

sys.path.insert(0, str(Path(__file__).parents[4]))

from igdb.apicalypse import Query
from tests.support.operators import FunctionOperator

FIGURES = {"entity": "games", "partition": "2026-11-21", "rows": 3, "undeclared": {}}


def note(text: str) -> None:
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(f"{text}\n")


async def good(client: Any, context: Any) -> dict[str, Any]:
    note(f"good: {client.base_url} {context['run_id'][:6]}")
    return FIGURES


async def hanging(client: Any, context: Any) -> dict[str, Any]:
    """Asks a server that never answers, eight times over, as a load does."""
    name = context["dag"].dag_id
    note(f"{name}: started")
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(client.query("games", Query()))
    finally:
        kind = sys.exc_info()[0]
        note(f"{name}: {kind.__name__ if kind else kind}")
        # Clean-up that has to wait, such as an upload that is taken back, gets to its end too.
        await asyncio.sleep(0.05)
        note(f"{name}: cleaned up")
    return FIGURES


def blocking(client: Any, context: Any) -> Any:
    """Blocks the loop, so that only Airflow's own alarm can end it."""

    async def load() -> dict[str, Any]:
        try:
            time.sleep(20)  # noqa: ASYNC251 - the point of it
        finally:
            note("blocking: cleaned up")
        return FIGURES

    return load()


def one_task_dag(name: str, load: Any, **arguments: Any) -> DAG:
    with DAG(dag_id=name, schedule=None) as dag:
        FunctionOperator(task_id="load", load=load, **arguments)
    return dag


LOADS = {
    "good": one_task_dag("good", good),
    "timed_out": one_task_dag("timed_out", hanging, execution_timeout=timedelta(seconds=2)),
    "killed": one_task_dag("killed", hanging),
    "blocking": one_task_dag("blocking", blocking, execution_timeout=timedelta(seconds=1)),
}
globals().update(LOADS)


def kill_when_started() -> None:
    while "killed: started" not in Path(os.environ["NOTES"]).read_text():
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def closed_connections(silent: socket.socket) -> list[bool]:
    """Of each connection that the client opened, whether it has closed it again."""
    silent.settimeout(0.2)
    closed: list[bool] = []
    while True:
        try:
            connection, _ = silent.accept()
        except TimeoutError:
            return closed
        with connection:
            connection.settimeout(1)
            try:
                while connection.recv(65536):
                    pass
            except TimeoutError:
                closed.append(False)
            else:
                closed.append(True)


def main() -> None:
    from airflow.utils.db import upgradedb

    upgradedb()
    outcome: dict[str, Any] = {}
    # Takes connections and never replies.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        os.environ["AIRFLOW_CONN_IGDB_DEFAULT"] = json.dumps(
            {
                "conn_type": "igdb",
                "host": f"http://127.0.0.1:{silent.getsockname()[1]}/v4",
                "login": "an-id",
                "extra": {"static_token": "a-static-token", "requests_per_second": 100},
            }
        )
        for name, dag in LOADS.items():
            if name == "killed":
                threading.Thread(target=kill_when_started, daemon=True).start()
            began = time.monotonic()
            run = dag.test()
            outcome[name] = {
                "state": run.state,
                "seconds": time.monotonic() - began,
                "closed": closed_connections(silent),
            }
    Path(os.environ["OUTCOME"]).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()

"""The operator by itself; how Airflow runs it is in test_operator_in_airflow.py."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from apiclient.errors import ApiError, ServerError
from igdb.apicalypse import Query
from igdb.errors import AuthError, TokenError
from tests.support.operators import FunctionOperator


@pytest.fixture(autouse=True)
def connections(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    igdb = {
        "conn_type": "igdb",
        "host": api.base_url,
        "login": "an-id",
        "extra": {"static_token": "static-token", "requests_per_second": 1000},
    }
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(igdb))


def operator(load: Any, **changes: Any) -> FunctionOperator:
    return FunctionOperator(task_id="load", load=load, **changes)


async def two_rows(client: Any, _context: Any) -> dict[str, Any]:
    await client.query("games", Query())
    return {"rows": 2}


def execute(operator: FunctionOperator) -> Any:
    """In a thread, because this one has the loop of the scripted server."""
    # Airflow warns about, or refuses, an execute that it did not call itself.
    return asyncio.to_thread(inspect.unwrap(FunctionOperator.execute), operator, {})


async def test_a_time_out_cancels_the_load_before_airflows_alarm(api: Any) -> None:
    ended = []

    async def hanging(client: Any, _context: Any) -> dict[str, Any]:
        api.then_hang()
        try:
            await client.query("games", Query())
        finally:
            ended.append(sys.exc_info()[0])
        return {}

    with pytest.raises(AirflowTaskTimeout, match="load: cancelled"):
        await execute(operator(hanging, execution_timeout=timedelta(seconds=0.5)))
    assert ended == [asyncio.CancelledError]
    await api.until(lambda: api.open_now == 0)


async def test_a_time_out_of_the_loads_own_is_passed_on() -> None:
    async def load(client: Any, _context: Any) -> dict[str, Any]:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await execute(operator(load, execution_timeout=timedelta(seconds=60)))


async def test_a_kill_cancels_the_load_and_closes_its_requests(api: Any) -> None:
    async def hanging(client: Any, _context: Any) -> dict[str, Any]:
        api.then_hang()
        await client.query("games", Query())
        return {}

    task = operator(hanging)
    running = asyncio.create_task(execute(task))
    await api.until(lambda: api.open_now == 1)
    await asyncio.to_thread(task.on_kill)
    with pytest.raises(asyncio.CancelledError):
        await running
    await api.until(lambda: api.open_now == 0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AuthError("refused", endpoint="games"), AirflowFailException),
        (TokenError("refused", endpoint="games"), TokenError),
        (ServerError("status 500", endpoint="games"), ServerError),
    ],
)
async def test_only_an_error_that_may_pass_is_left_to_airflows_retries(error: ApiError, kind: type[Exception]) -> None:
    async def failing(client: Any, _context: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(kind) as caught:
        await execute(operator(failing))
    assert str(caught.value) == (f"not retried: {error}" if kind is AirflowFailException else str(error))


async def test_a_kill_before_and_after_the_load_does_nothing() -> None:
    task = operator(two_rows)
    task.on_kill()
    assert await execute(task)
    task.on_kill()


def test_a_dag_file_does_not_pay_for_clients() -> None:
    code = (
        "import sys, apiclient.operator;"
        "heavy = ('aiohttp', 'boto3', 'airflow.providers.amazon.aws.hooks.s3', 'igdb.client');"
        "print([module for module in heavy if module in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"

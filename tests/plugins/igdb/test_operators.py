"""The operator by itself; how Airflow runs it is in test_operators_in_airflow.py."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time.context import OutletEventAccessors

from igdb.apicalypse import Query
from igdb.errors import AuthError, IgdbError, ServerError, TokenError
from igdb.operators import IgdbToS3Operator

if TYPE_CHECKING:
    from collections.abc import Mapping

ASSET = Asset("raw_games")


@pytest.fixture(autouse=True)
def connections(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    igdb = {
        "conn_type": "igdb",
        "host": api.base_url,
        "login": "an-id",
        "extra": {"static_token": "static-token", "requests_per_second": 1000},
    }
    aws = {"conn_type": "aws", "login": "key", "password": "secret", "extra": {"region_name": "ap-northeast-2"}}
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(igdb))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws))


def context(partition_key: str | None = None) -> Any:
    return {"partition_key": partition_key, "outlet_events": OutletEventAccessors()}


def operator(load: Any, lake_uri: str = "file:///lake", **changes: Any) -> IgdbToS3Operator:
    return IgdbToS3Operator(task_id="load", load=load, lake_uri=lake_uri, outlets=[ASSET], **changes)


async def two_rows(client: Any, *, lake_uri: str, context: Any) -> Mapping[str, Any]:
    await client.query("games", Query())
    return {"partition": "2026-11-21", "rows": 2, "lake_uri": lake_uri}


def execute(operator: IgdbToS3Operator, given: Any) -> Any:
    """In a thread, because this one has the loop of the scripted server."""
    # Airflow warns about, or refuses, an execute that it did not call itself.
    return asyncio.to_thread(operator.execute.__wrapped__, operator, given)  # type: ignore[attr-defined]


async def test_figures_become_the_result_the_event_and_a_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    given = context()
    figures = await execute(operator(two_rows), given)
    assert figures == {"partition": "2026-11-21", "rows": 2, "lake_uri": "file:///lake"}
    event = given["outlet_events"][ASSET]
    assert event.extra == figures
    assert event.partition_keys == {"2026-11-21"}
    logged = capsys.readouterr().out
    assert "load: partition 2026-11-21, rows 2" in logged
    assert "1 requests (0 retries)" in logged


async def test_a_run_with_a_partition_key_keeps_its_own() -> None:
    given = context("2026-11-20")
    await execute(operator(two_rows), given)
    assert given["outlet_events"][ASSET].partition_keys == set()


async def test_a_load_that_does_not_name_its_partition() -> None:
    async def nameless(client: Any, **_given: Any) -> dict[str, Any]:
        return {"rows": 1}

    with pytest.raises(ValueError, match="returned no `partition`"):
        await execute(operator(nameless), context())
    assert await execute(operator(nameless), context("2026-11-21")) == {"rows": 1}


async def test_a_time_out_cancels_the_load_before_airflows_alarm(api: Any) -> None:
    ended = []

    async def hanging(client: Any, **_given: Any) -> dict[str, Any]:
        api.then_hang()
        try:
            await client.query("games", Query())
        finally:
            ended.append(sys.exc_info()[0])
        return {}

    with pytest.raises(AirflowTaskTimeout, match="load: cancelled"):
        await execute(operator(hanging, execution_timeout=timedelta(seconds=0.5)), context())
    assert ended == [asyncio.CancelledError]
    await api.until(lambda: api.open_now == 0)


async def test_a_time_out_of_the_loads_own_is_passed_on() -> None:
    async def load(client: Any, **_given: Any) -> dict[str, Any]:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await execute(operator(load, execution_timeout=timedelta(seconds=60)), context())


async def test_a_kill_cancels_the_load_and_closes_its_requests(api: Any) -> None:
    async def hanging(client: Any, **_given: Any) -> dict[str, Any]:
        api.then_hang()
        await client.query("games", Query())
        return {}

    task = operator(hanging)
    running = asyncio.create_task(execute(task, context()))
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
async def test_only_an_error_that_may_pass_is_left_to_airflows_retries(error: IgdbError, kind: type[Exception]) -> None:
    async def failing(client: Any, **_given: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(kind) as caught:
        await execute(operator(failing), context())
    assert str(caught.value) == (f"not retried: {error}" if kind is AirflowFailException else str(error))


async def test_a_kill_before_and_after_the_load_does_nothing() -> None:
    task = operator(two_rows)
    task.on_kill()
    assert await execute(task, context())
    task.on_kill()


def test_the_lake_uri_is_a_template() -> None:
    assert list(IgdbToS3Operator.template_fields) == ["lake_uri"]


def test_a_dag_file_does_not_pay_for_clients() -> None:
    code = (
        "import sys, igdb.operators;"
        "heavy = ('aiohttp', 'boto3', 'airflow.providers.amazon.aws.hooks.s3', 'igdb.client');"
        "print([module for module in heavy if module in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from apiclient.errors import FieldError
from rawg.errors import QuotaSpentError, RawgError, UnknownKeyError
from rawg.hook import RawgHook
from tests.support.errors import having
from tests.support.scripted_rawg import KEY, SPENT

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def connect(api: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines the connection `rawg_default` in the environment, as JSON, towards the scripted server."""

    def define(**changes: Any) -> None:
        fields: dict[str, Any] = {"conn_type": "rawg", "host": api.base_url, "password": KEY}
        fields |= {"extra": {"requests_per_second": 1000, "monthly_requests": 500}}
        monkeypatch.setenv("AIRFLOW_CONN_RAWG_DEFAULT", json.dumps(fields | changes))

    return define


async def test_a_client_of_the_connection(api: Any, connect: Callable[..., None]) -> None:
    connect()
    taken = 0

    async def take() -> None:
        nonlocal taken
        taken += 1

    assert (await RawgHook().settings()).monthly_requests == 500
    async with RawgHook().client(before_request=take) as client:
        assert (await client.page("games")).results == [{"id": 1}]
    assert (api.asked[0].query["key"], taken) == (KEY, 1)


async def test_nonsense_in_the_connection_is_refused_by_name(connect: Callable[..., None]) -> None:
    connect(password="")
    with pytest.raises(FieldError, check=having(conn_id="rawg_default", key="password", found="")):
        await RawgHook("rawg_default").client().__aenter__()


async def test_a_connection_that_is_missing_states_how_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_args: Any) -> None:
        raise AirflowNotFoundException("The conn_id `rawg_default` isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", nothing)
    with pytest.raises(RawgError, match="connection 'rawg_default': this Airflow has no such connection"):
        await RawgHook().client().__aenter__()


async def test_a_variable_that_airflow_cannot_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_RAWG_DEFAULT", '{"conn_type": "rawg", "password": "hush-hush"')
    with pytest.raises(RawgError, match="AIRFLOW_CONN_RAWG_DEFAULT is set, and Airflow cannot read it") as caught:
        await RawgHook().client().__aenter__()
    assert "hush-hush" not in str(caught.value)
    assert "rawg://" in caught.value.hint


@pytest.mark.parametrize(("status", "body", "kind"), [(401, None, UnknownKeyError), (401, SPENT, QuotaSpentError)])
async def test_an_error_names_the_place_of_a_setting_in_airflow(
    status: int, body: Any, kind: type[RawgError], api: Any, connect: Callable[..., None]
) -> None:
    connect(password="another-key-of-32-letters")
    if body:
        api.then(status, body)
    with pytest.raises(kind) as caught:
        async with RawgHook().client() as client:
            await client.page("games")
    assert "connection rawg_default" in caught.value.hint


async def test_the_test_button_asks_once(api: Any, connect: Callable[..., None]) -> None:
    connect()
    good, message = await asyncio.to_thread(RawgHook().test_connection)
    assert good, message
    assert message == f"{api.base_url} answers and accepts the key: 372,770 genres"
    api.then(500, f"down, {KEY}")
    good, message = await asyncio.to_thread(RawgHook().test_connection)
    assert not good
    assert "status 500" in message
    assert KEY not in message
    assert len(api.asked) == 2


async def test_the_test_button_tells_the_problems_of_a_key_apart(api: Any, connect: Callable[..., None]) -> None:
    connect(password="another-key-of-32-letters")
    good, message = await asyncio.to_thread(RawgHook().test_connection)
    assert not good
    assert "RAWG does not know this key" in message
    assert "password of this connection" in message
    connect()
    api.then(401, SPENT)
    good, message = await asyncio.to_thread(RawgHook().test_connection)
    assert not good
    assert "wait for the next month" in message


def test_the_test_button_names_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow gives what is in the form a random id."""
    connection = {"conn_type": "rawg", "host": "http://127.0.0.1:1/api", "password": KEY}
    for changes in ({}, {"password": ""}, {"extra": {"monthly_requests": 0}}):
        monkeypatch.setenv("AIRFLOW_CONN_ZX3FQ81B", json.dumps(connection | changes))
        good, message = RawgHook("zx3fq81b").test_connection()
        assert not good
        assert "this connection" in message
        assert "zx3fq81b" not in message

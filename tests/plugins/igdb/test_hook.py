from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from apiclient.errors import ApiError, FieldError, UnreachableError
from igdb.apicalypse import Query
from igdb.errors import AuthError, IgdbError, TokenUrlError, UnexpectedStatusError
from igdb.hook import IgdbHook
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET", "IGDB_BASE_URL", "IGDB_TOKEN_URL")


@pytest.fixture
def connect(api: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines the connection `igdb_default` in the environment, as JSON, towards the scripted server."""

    def define(**changes: Any) -> None:
        fields: dict[str, Any] = {
            "conn_type": "igdb",
            "host": api.base_url,
            "login": "an-id",
            "password": "a-secret",
            "extra": {"token_url": api.token_url, "requests_per_second": 1000},
        }
        monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(fields | changes))

    return define


async def test_a_client_of_the_connection(api: Any, connect: Callable[..., None]) -> None:
    connect()
    async with IgdbHook().client() as client:
        assert (await client.query("games", Query())).rows == [{"id": 1}]
    assert api.asked[0].headers["Client-ID"] == "an-id"
    assert api.asked[0].headers["Authorization"] == "Bearer minted-1"


@pytest.mark.parametrize("form", ["host quoted", "as Airflow writes it"])
async def test_a_connection_given_as_uri(
    form: str, api: Any, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "host quoted":
        extra = f"token_url={quote(api.token_url, safe='')}&requests_per_second=1000&max_open_requests=2"
        uri = f"igdb://an-id:a-secret@{quote(api.base_url, safe='')}/?{extra}"
    else:
        connect()
        uri = (await BaseHook.aget_connection("igdb_default")).get_uri()
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", uri)
    async with IgdbHook().client() as client:
        assert client.base_url == api.base_url
        assert (await client.query("games", Query())).rows == [{"id": 1}]


async def test_nonsense_in_the_connection_is_refused_by_name(connect: Callable[..., None]) -> None:
    connect(extra={"requests_per_second": 0})
    hook: IgdbHook = IgdbHook("igdb_default")
    with pytest.raises(FieldError, check=having(conn_id="igdb_default", key="requests_per_second", found=0)):
        await hook.client().__aenter__()


async def test_a_connection_that_is_missing_states_how_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_args: Any) -> None:
        raise AirflowNotFoundException("The conn_id `igdb_default` isn't defined")

    monkeypatch.setattr(BaseHook, "aget_connection", nothing)
    with pytest.raises(IgdbError, match="connection 'igdb_default': this Airflow has no such connection") as caught:
        await IgdbHook().client().__aenter__()
    assert "`make settings`" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "igdb", "password": "hush-hush"',
        '{"conn_type": "igdb", "hst": "x", "password": "hush-hush"}',
        "igdb://id:hush-hush@http://127.0.0.1:1/v4",
    ],
)
async def test_a_variable_that_airflow_cannot_read_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", value)
    with pytest.raises(IgdbError, match="AIRFLOW_CONN_IGDB_DEFAULT is set, and Airflow cannot read it") as caught:
        await IgdbHook().client().__aenter__()
    assert "hush-hush" not in str(caught.value)


async def test_an_error_names_the_place_of_a_setting_in_airflow(api: Any, connect: Callable[..., None]) -> None:
    connect(extra={"static_token": "an-old-token"})
    with pytest.raises(AuthError) as caught:
        async with IgdbHook().client() as client:
            await client.query("games", Query())
    assert "connection igdb_default" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "variables"),
    [
        (AuthError("", endpoint="token"), ("IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET", "IGDB_TOKEN_URL")),
        (TokenUrlError("", endpoint="token"), ("IGDB_TOKEN_URL",)),
        (UnexpectedStatusError("", endpoint="games"), ("IGDB_BASE_URL",)),
        (UnreachableError("", endpoint="token"), ("IGDB_BASE_URL", "IGDB_TOKEN_URL")),
    ],
)
async def test_an_error_names_the_variables_of_an_import(error: ApiError, variables: tuple[str, ...]) -> None:
    with pytest.raises(type(error)) as caught:
        async with IgdbHook().open(nullcontext()):
            raise error
    assert {name for name in NAMES if name in caught.value.hint} == set(variables)


async def test_the_test_button_asks_once(api: Any, connect: Callable[..., None]) -> None:
    connect()
    async with IgdbHook().client() as client:
        await client._tokens.token()
    api.then(500, "down")
    good, message = await asyncio.to_thread(IgdbHook().test_connection)
    assert not good
    assert "status 500" in message
    assert len(api.asked) == 1


def test_the_test_button_within_a_running_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "igdb", "host": "http://127.0.0.1:1/v4", "login": "x", "extra": {"static_token": "t"}}
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(connection))

    async def press() -> tuple[bool, str]:
        return IgdbHook().test_connection()

    good, message = asyncio.run(press())
    assert not good
    assert "http://127.0.0.1:1/v4/games" in message
    assert "curl" in message


def test_the_test_button_names_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow gives what is in the form a random id."""
    connection = {"conn_type": "igdb", "host": "http://127.0.0.1:1/v4", "login": "x", "extra": {"static_token": "t"}}
    for changes in ({}, {"login": ""}, {"extra": {"max_open_requests": 0}}):
        monkeypatch.setenv("AIRFLOW_CONN_ZX3FQ81B", json.dumps(connection | changes))
        good, message = IgdbHook("zx3fq81b").test_connection()
        assert not good
        assert "this connection" in message
        assert "zx3fq81b" not in message


def test_the_test_button_with_an_incomplete_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps({"conn_type": "igdb"}))
    good, message = IgdbHook().test_connection()
    assert not good
    assert "login is ''" in message

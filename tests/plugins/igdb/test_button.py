"""The Test button of Airflow's connection form: its API's own route, with the request that the form sends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.models import Connection
from fastapi import HTTPException

from igdb.provider import get_provider_info

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SETTINGS = Path(__file__).parents[3] / "airflow_settings.yaml"


@pytest.fixture
def store(api: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a connection where the route looks for it, as the metadata database holds it."""
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    monkeypatch.setattr(Connection, "get_team_name", lambda _conn_id: None)

    def put(**changes: Any) -> None:
        fields: dict[str, Any] = {
            "conn_id": "igdb_default",
            "conn_type": "igdb",
            "host": api.base_url,
            "login": "an-id",
            "password": "a-secret",
            "port": 0,
            "extra": json.dumps({"token_url": api.token_url}),
        }
        stored = Connection(**fields | changes)
        monkeypatch.setattr(Connection, "get_connection_from_secrets", lambda *_args, **_more: stored)

    return put


async def press(host: str, **changes: Any) -> tuple[bool, str]:
    """What the form of a stored connection posts: *** for secrets, 0 for no port."""
    # Every worker collects this file, and one needs Airflow's whole API.
    from airflow.api_fastapi.core_api.datamodels.connections import ConnectionBody
    from airflow.api_fastapi.core_api.routes.public import connections as routes

    body: dict[str, Any] = {
        "connection_id": "igdb_default",
        "conn_type": "igdb",
        "description": "",
        "host": host,
        "login": "an-id",
        "password": "***",
        "port": 0,
        "schema": "",
        "extra": json.dumps({"token_url": "***"}),
    }
    anyone: Any = SimpleNamespace(is_authorized_connection=lambda **_details: True)
    found = await asyncio.to_thread(
        routes.test_connection, ConnectionBody(**body | changes), user=anyone, auth_manager=anyone
    )
    return found.status, found.message


async def test_it_is_green_for_the_stored_connection(api: Any, store: Callable[..., None]) -> None:
    store()
    good, message = await press(api.base_url)
    assert good, message
    assert message == f"{api.base_url} answers and accepts the client id and secret: 372,770 rows in /games"
    assert api.asked[0].body == "fields id; sort id asc; limit 1;"


async def test_it_is_red_where_the_port_is_null(api: Any, store: Callable[..., None]) -> None:
    """Airflow takes the form's 0 for another port than none: this is why the settings file has 0."""
    store(port=None)
    with pytest.raises(HTTPException, match="differs from the stored connection"):
        await press(api.base_url)


def test_every_connection_of_the_settings_file_has_the_port_that_the_form_sends() -> None:
    connections = yaml.safe_load(SETTINGS.read_text("utf-8"))["airflow"]["connections"]
    assert {connection["conn_id"]: connection.get("conn_port") for connection in connections} == {
        "igdb_default": 0,
        "rawg_default": 0,
        "aws_default": 0,
    }


def test_the_settings_file_stores_every_field_of_the_form() -> None:
    """Airflow's edit form shows only those that are stored."""
    (igdb, *_) = yaml.safe_load(SETTINGS.read_text("utf-8"))["airflow"]["connections"]
    (form,) = get_provider_info()["connection-types"]
    assert igdb["conn_extra"].keys() == form["conn-fields"].keys()
    for name, field in form["conn-fields"].items():
        assert igdb["conn_extra"][name] == field["schema"].get("default") or name == "token_url"


@pytest.fixture
async def listener() -> AsyncIterator[Any]:
    """A server that must not receive anything, and answers with what must not be shown."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10_000))
        secret = b"root:x:0:0 the page of an internal server"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(secret) + secret)
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield SimpleNamespace(url=url, heard=heard)


async def test_the_stored_secret_is_not_sent_to_a_token_url_of_the_request(
    api: Any, store: Callable[..., None], listener: Any
) -> None:
    """A person who may test connections does not know the secret: Airflow fills it in for ***."""
    store()
    good, message = await press(api.base_url, extra=json.dumps({"token_url": f"{listener.url}/tok"}))
    assert not good
    assert f"token_url is '{listener.url}/tok', expected https://id.twitch.tv/oauth2/token" in message
    assert f"or an address at {api.url}: the client secret is sent only to Twitch" in message
    assert listener.heard == []


@pytest.mark.parametrize("schema", ["http", "@127.0.0.1", "//evil.example.com", "\\@evil.example.com"])
async def test_the_schema_does_not_lead_elsewhere(schema: str, api: Any, store: Callable[..., None]) -> None:
    store()
    good, message = await press(api.base_url, schema=schema)
    assert good or "is" in message
    assert {asked.headers["Host"] for asked in api.asked} <= {api.url.removeprefix("http://")}


async def test_own_credentials_do_not_read_the_replies_of_another_server(
    store: Callable[..., None], listener: Any
) -> None:
    store()
    own = {"password": "my-own", "extra": json.dumps({"token_url": f"{listener.url}/oauth2/token"})}
    for extra in ({"token_url": f"{listener.url}/oauth2/token"}, {"static_token": "my-own"}):
        good, message = await press(listener.url, **own | {"extra": json.dumps(extra)})
        assert not good
        assert "internal server" not in message
        assert "root" not in message
    assert len(listener.heard) == 2, "a person is waiting: each is asked once"


async def test_a_reason_of_the_api_is_shown(api: Any, store: Callable[..., None]) -> None:
    store(password="another")
    good, message = await press(api.base_url)
    assert not good
    assert "reason: invalid client secret" in message
    assert "login, password and static_token of this connection" in message
    assert "another" not in message
    store()
    api.then(200, {"access_token": "minted-by-script", "expires_in": 5000})
    api.then(403, [{"title": "Request limit to high", "status": 403, "cause": "tier " * 60}])
    good, message = await press(api.base_url)
    assert "status 403" in message
    assert "reason: Request limit to high: tier tier" in message
    assert len(message) < 500

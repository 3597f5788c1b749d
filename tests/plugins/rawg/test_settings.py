from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import pytest
from airflow.models import Connection
from airflow.sdk import BaseHook

import sandbox.rawg
from apiclient.errors import FieldError
from rawg.settings import DEFAULT_BASE_URL, SANDBOX_KEY, RawgSettings
from tests.support.errors import having
from tests.support.scripted_rawg import KEY

SANDBOX = "http://127.0.0.1:8901"


def connection(extra: object = None, **changes: Any) -> Any:
    """What Airflow hands over: extra is text."""
    text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
    fields: dict[str, Any] = {"conn_id": "rawg_default", "host": None, "password": KEY, "port": None, "schema": None}
    return SimpleNamespace(**fields | {"extra": text} | changes)


def test_a_key_is_enough() -> None:
    settings = RawgSettings.from_connection(connection())
    assert settings == RawgSettings(conn_id="rawg_default", key=KEY)
    assert (settings.base_url, settings.requests_per_second, settings.monthly_requests) == (DEFAULT_BASE_URL, 2, 20_000)


def test_every_setting() -> None:
    extra = {"requests_per_second": "0.5", "monthly_requests": 50_000}
    settings = RawgSettings.from_connection(connection(extra, host=f"{SANDBOX}/api/", password=f" {KEY}\n"))
    assert settings == RawgSettings(
        conn_id="rawg_default",
        key=KEY,
        base_url=f"{SANDBOX}/api",
        requests_per_second=0.5,
        monthly_requests=50_000,
    )


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "api.rawg.io"}, DEFAULT_BASE_URL),
        ({"host": "https://api.rawg.io", "port": 0, "schema": ""}, DEFAULT_BASE_URL),
        ({"host": "127.0.0.1", "port": 8901, "schema": "api"}, f"{SANDBOX}/api"),
        ({"host": "http://localhost:8901/api"}, "http://localhost:8901/api"),
        ({"host": "http://[::1]:8901/api"}, "http://[::1]:8901/api"),
        ({"host": "https://gateway.example.com/rawg"}, "https://gateway.example.com/rawg"),
    ],
)
def test_where_the_key_may_go(fields: dict[str, Any], url: str) -> None:
    assert RawgSettings.from_connection(connection(**fields)).base_url == url


@pytest.mark.parametrize(
    "host", ["http://api.rawg.io/api", "http://sandbox:8901/api", "http://127.0.0.1.evil.example/api"]
)
def test_the_key_crosses_no_network_unencrypted(host: str) -> None:
    with pytest.raises(FieldError, match="the key would cross the network unencrypted", check=having(key="host")):
        RawgSettings.from_connection(connection(host=host))


def test_the_key_of_the_sandbox_may_go_to_a_sandbox_on_another_machine() -> None:
    host = "http://sandbox:8900/api"
    assert RawgSettings.from_connection(connection(host=host, password=SANDBOX_KEY)).base_url == host
    assert SANDBOX_KEY == sandbox.rawg.KEY


@pytest.mark.parametrize(
    ("extra", "changes", "key", "found"),
    [
        (None, {"password": None}, "password", ""),
        (None, {"password": "***"}, "password", "***"),
        (None, {"host": "ftp://api.rawg.io"}, "host", "ftp://api.rawg.io"),
        (None, {"host": "https://api.rawg.io/api?key=x"}, "host", "https://api.rawg.io/api?***"),
        (None, {"host": "api.rawg.io", "port": "https"}, "port", "https"),
        ({"requests_per_second": 0}, {}, "requests_per_second", 0.0),
        ({"requests_per_second": "nan"}, {}, "requests_per_second", ANY),
        ({"monthly_requests": 0}, {}, "monthly_requests", 0),
        ({"monthly_requests": 30}, {}, "monthly_requests", 30),
        ({"monthly_requests": 2.5}, {}, "monthly_requests", 2.5),
        ({"api_key": "x"}, {}, "extra", ["api_key"]),
        ("{", {}, "extra", "no JSON"),
    ],
)
def test_nonsense_is_refused_with_connection_key_value_and_what_was_expected(
    extra: object, changes: dict[str, Any], key: str, found: object
) -> None:
    with pytest.raises(FieldError, check=having(conn_id="rawg_default", key=key, found=found)):
        RawgSettings.from_connection(connection(extra, **changes))


@pytest.mark.parametrize("key", ["short", "with a blank in it", "한글한글한글한글"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(FieldError, check=having(key="password", found="***")) as caught:
        RawgSettings.from_connection(connection(password=key))
    assert key not in str(caught.value)


def test_no_repr_holds_the_key() -> None:
    settings = RawgSettings.from_connection(connection())
    assert KEY not in repr(settings)
    assert KEY not in repr(settings.client())


@pytest.mark.parametrize("form", ["uri", "json"])
async def test_a_connection_in_every_form(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment gives it to a task, and as the Test button writes it for the hook: as the model's URI."""
    uri = f"rawg://:{KEY}@{quote(f'{SANDBOX}/api', safe='')}?monthly_requests=50000"
    fields = {"conn_type": "rawg", "host": f"{SANDBOX}/api", "password": KEY, "extra": {"monthly_requests": 50_000}}
    text = uri if form == "uri" else Connection.from_json(json.dumps(fields), conn_id="x").get_uri()
    monkeypatch.setenv("AIRFLOW_CONN_RAWG_DEFAULT", text)
    settings = RawgSettings.from_connection(await BaseHook.aget_connection("rawg_default"))
    assert (settings.base_url, settings.key, settings.monthly_requests) == (f"{SANDBOX}/api", KEY, 50_000)

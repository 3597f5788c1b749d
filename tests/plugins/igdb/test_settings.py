from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest

from apiclient.errors import FieldError
from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL
from igdb.settings import IgdbSettings
from igdb.tokens import ClientCredentials, StaticToken
from tests.support.errors import having


def connection(extra: object = None, **changes: Any) -> Any:
    """What Airflow hands over: extra is text."""
    text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
    fields: dict[str, Any] = {
        "conn_id": "igdb_default",
        "host": None,
        "login": "an-id",
        "password": "a-secret",
        "port": None,
        "schema": None,
        "extra": text,
    }
    return SimpleNamespace(**fields | changes)


def test_id_and_secret_are_enough() -> None:
    settings = IgdbSettings.from_connection(connection())
    assert settings == IgdbSettings(conn_id="igdb_default", client_id="an-id", client_secret="a-secret")
    assert (settings.base_url, settings.token_url) == (DEFAULT_BASE_URL, DEFAULT_TOKEN_URL)
    assert (settings.requests_per_second, settings.max_open_requests) == (4.0, 8)
    assert isinstance(settings.tokens(), ClientCredentials)


def test_every_setting() -> None:
    extra = {
        "token_url": "http://127.0.0.1:8900/oauth2/token",
        "static_token": "a-token",
        "requests_per_second": 2.5,
        "max_open_requests": 3,
    }
    settings = IgdbSettings.from_connection(connection(extra, host="http://127.0.0.1:8900/v4", password=None))
    assert settings == IgdbSettings(
        conn_id="igdb_default",
        client_id="an-id",
        base_url="http://127.0.0.1:8900/v4",
        token_url="http://127.0.0.1:8900/oauth2/token",
        static_token="a-token",
        requests_per_second=2.5,
        max_open_requests=3,
    )
    assert isinstance(settings.tokens(), StaticToken)


def test_a_uris_numbers_are_text_and_a_forms_untouched_fields_are_null_or_empty() -> None:
    extra = {"requests_per_second": "2", "max_open_requests": "4", "static_token": None, "token_url": ""}
    settings = IgdbSettings.from_connection(connection(extra, host=" ", schema="", password=" a-secret\n"))
    assert (settings.requests_per_second, settings.max_open_requests) == (2.0, 4)
    assert (settings.base_url, settings.token_url) == (DEFAULT_BASE_URL, DEFAULT_TOKEN_URL)
    assert settings.client_secret == "a-secret"


@pytest.mark.parametrize(
    ("extra", "changes", "key", "found"),
    [
        (None, {"login": None}, "login", ""),
        (None, {"login": " "}, "login", ""),
        (None, {"password": None}, "password", ""),
        (None, {"password": "***"}, "password", "***"),
        ({"static_token": "***"}, {}, "static_token", "***"),
        (None, {"host": "ftp://api.igdb.com"}, "host", "ftp://api.igdb.com"),
        (None, {"host": "https://"}, "host", "https://"),
        (None, {"host": "https://api.igdb.com/v4?x=1"}, "host", "https://api.igdb.com/v4?***"),
        (None, {"host": "http://127.0.0.1:port/v4"}, "host", "http://127.0.0.1:port/v4"),
        ({"token_url": "***"}, {}, "token_url", "***"),
        ({"token_url": 7}, {}, "token_url", 7),
        ({"requests_per_second": 0}, {}, "requests_per_second", 0.0),
        ({"requests_per_second": -1}, {}, "requests_per_second", -1.0),
        ({"requests_per_second": "fast"}, {}, "requests_per_second", "fast"),
        ({"requests_per_second": "nan"}, {}, "requests_per_second", ANY),
        ({"requests_per_second": True}, {}, "requests_per_second", True),
        ({"max_open_requests": 0}, {}, "max_open_requests", 0),
        ({"max_open_requests": 2.5}, {}, "max_open_requests", 2.5),
        ({"max_open_requests": "inf"}, {}, "max_open_requests", "inf"),
        (None, {"host": "http://127.0.0.1:1/v4", "port": 2}, "port", 2),
        (None, {"host": "api.igdb.com", "port": "https"}, "port", "https"),
        (None, {"host": "api.igdb.com", "port": 70000}, "port", 70000),
        (None, {"host": "https://api.igdb.com\\@example.org/v4"}, "host", "https://***@example.org/v4"),
        ({"request_per_second": 4}, {}, "extra", ["request_per_second"]),
        ("{", {}, "extra", "no JSON"),
        ("[]", {}, "extra", "list"),
    ],
)
def test_nonsense_is_refused_with_connection_key_value_and_what_was_expected(
    extra: object, changes: dict[str, Any], key: str, found: object
) -> None:
    with pytest.raises(FieldError, check=having(conn_id="igdb_default", key=key, found=found)):
        IgdbSettings.from_connection(connection(extra, **changes))


@pytest.mark.parametrize("key", ["host", "token_url"])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://an-id:a-secret@api.igdb.com/v4", "https://***@api.igdb.com/v4"),
        ("https://an-id:a-secret@api.igdb.com:port/v4", "https://***@api.igdb.com:port/v4"),
        ("https://an-id:a-secret @api.igdb.com/v4", "https://***@api.igdb.com/v4"),
        ("https://api.igdb.com/v4?key=a-secret", "https://api.igdb.com/v4?***"),
    ],
)
def test_a_url_with_a_secret_in_it_is_refused_without_showing_the_secret(key: str, url: str, shown: str) -> None:
    """The rest is shown, so that a person sees which of several values is wrong."""
    given = connection(host=url) if key == "host" else connection({"token_url": url})
    with pytest.raises(FieldError, check=having(key=key, found=shown)) as caught:
        IgdbSettings.from_connection(given)
    assert "a-secret" not in str(caught.value)


def test_no_repr_holds_a_secret() -> None:
    settings = IgdbSettings.from_connection(connection({"static_token": "a-token"}))
    for thing in (settings, settings.client(), settings.tokens(), IgdbSettings.from_connection(connection()).tokens()):
        assert "a-secret" not in repr(thing)
        assert "a-token" not in repr(thing)

"""Where a connection leads, in every form that Airflow takes, and where the secret may go."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.models import Connection
from airflow.sdk import BaseHook

from apiclient.errors import FieldError
from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL, base_url
from igdb.settings import IgdbSettings

if TYPE_CHECKING:
    from pathlib import Path

SANDBOX = "http://127.0.0.1:8900"
SECRET = "p@ss/w:o?r#d%+한"


def parts(**fields: Any) -> Any:
    return SimpleNamespace(**{"conn_id": "igdb_default", "host": None, "port": None, "schema": None} | fields)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, DEFAULT_BASE_URL),
        ({"host": " ", "port": 0, "schema": ""}, DEFAULT_BASE_URL),
        ({"host": "https://api.igdb.com/v4/"}, DEFAULT_BASE_URL),
        ({"host": "HTTPS://API.IGDB.COM/v4"}, DEFAULT_BASE_URL),
        ({"host": " https://api.igdb.com/v4\n"}, DEFAULT_BASE_URL),
        ({"host": "https://api.igdb.com"}, DEFAULT_BASE_URL),
        ({"host": "api.igdb.com"}, DEFAULT_BASE_URL),
        ({"host": "api.igdb.com", "schema": "v4"}, DEFAULT_BASE_URL),
        ({"host": "api.igdb.com", "schema": "/v4/"}, DEFAULT_BASE_URL),
        ({"host": "api.igdb.com/v4", "schema": "https"}, DEFAULT_BASE_URL),
        ({"host": "http://127.0.0.1", "port": 8900, "schema": "v4"}, f"{SANDBOX}/v4"),
        ({"host": "http://127.0.0.1/v4", "port": "8900"}, f"{SANDBOX}/v4"),
        ({"host": "http://127.0.0.1:8900/v4", "port": 8900}, f"{SANDBOX}/v4"),
        ({"host": "http://127.0.0.1:8900/v4", "port": "0"}, f"{SANDBOX}/v4"),
        ({"host": "127.0.0.1", "port": 8900, "schema": "v4"}, f"{SANDBOX}/v4"),
        ({"host": "localhost:8900/v4"}, "http://localhost:8900/v4"),
        ({"host": "https://localhost:8900/v4"}, "https://localhost:8900/v4"),
        ({"host": "[::1]:8900/v4"}, "http://[::1]:8900/v4"),
        ({"host": "http://[::1]:8900/v4/"}, "http://[::1]:8900/v4"),
        ({"host": "::1", "port": 8900, "schema": "v4"}, "http://[::1]:8900/v4"),
        ({"host": "sandbox", "port": 8900, "schema": "v4"}, "https://sandbox:8900/v4"),
        ({"host": "http://sandbox:8900/v4"}, "http://sandbox:8900/v4"),
        ({"host": "https://gateway.example.com/igdb/v4//"}, "https://gateway.example.com/igdb/v4"),
    ],
)
def test_a_base_url_in_every_form(fields: dict[str, Any], url: str) -> None:
    assert base_url(parts(**fields)) == url


FORMS = {
    "uri": f"igdb://an-id:{quote(SECRET, safe='')}@127.0.0.1:8900/v4"
    f"?token_url={quote(SANDBOX + '/oauth2/token', safe='')}",
    "uri with the host quoted": f"igdb://an-id:{quote(SECRET, safe='')}@{quote(SANDBOX + '/v4', safe='')}"
    f"?token_url={quote(SANDBOX + '/oauth2/token', safe='')}&requests_per_second=4&static_token=",
    "uri with the extra as JSON": f"igdb://an-id:{quote(SECRET, safe='')}@{quote(SANDBOX + '/v4', safe='')}"
    f"?__extra__={quote(json.dumps({'token_url': SANDBOX + '/oauth2/token'}), safe='')}",
    "json": json.dumps(
        {
            "conn_type": "igdb",
            "host": f"{SANDBOX}/v4",
            "login": "an-id",
            "password": SECRET,
            "extra": {"token_url": f"{SANDBOX}/oauth2/token"},
        }
    ),
    "json with text for numbers and blanks around values": json.dumps(
        {
            "conn_type": "igdb",
            "host": f" {SANDBOX}/v4/ ",
            "login": " an-id ",
            "password": f"{SECRET}\n",
            "port": "8900",
            "extra": json.dumps(
                {"token_url": f" {SANDBOX}/oauth2/token ", "requests_per_second": " 4 ", "max_open_requests": "8"}
            ),
        }
    ),
    "json as the form sends it": json.dumps(
        {
            "conn_type": "igdb",
            "description": "",
            "host": f"{SANDBOX}/v4",
            "login": "an-id",
            "password": SECRET,
            "port": 0,
            "schema": "",
            "extra": json.dumps(
                {
                    "token_url": f"{SANDBOX}/oauth2/token",
                    "static_token": "",
                    "requests_per_second": None,
                    "max_open_requests": 8,
                }
            ),
        }
    ),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_connection_in_every_form(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment gives it to a task, and as the Test button writes it for the hook: as the model's URI."""
    expected = IgdbSettings(
        conn_id="igdb_default",
        client_id="an-id",
        client_secret=SECRET,
        base_url=f"{SANDBOX}/v4",
        token_url=f"{SANDBOX}/oauth2/token",
    )
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", FORMS[form])
    connection = await BaseHook.aget_connection("igdb_default")
    assert IgdbSettings.from_connection(connection) == expected
    uri = Connection.from_json(FORMS[form], conn_id="x").get_uri() if form.startswith("json") else FORMS[form]
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", uri)
    assert IgdbSettings.from_connection(await BaseHook.aget_connection("igdb_default")) == expected


def test_a_connection_of_a_secrets_backend(tmp_path: Path) -> None:
    from airflow.secrets.local_filesystem import LocalFilesystemBackend

    file = tmp_path / "connections.json"
    for form in ("uri", "json"):
        content = FORMS[form] if form == "uri" else json.loads(FORMS[form])
        file.write_text(json.dumps({"igdb_default": content}))
        connection = LocalFilesystemBackend(connections_file_path=str(file)).get_connection("igdb_default")
        settings = IgdbSettings.from_connection(connection)
        assert (settings.base_url, settings.client_secret) == (f"{SANDBOX}/v4", SECRET)


@pytest.mark.parametrize("extra", [None, "", "null", "{}"])
def test_a_connection_without_an_extra(extra: str | None) -> None:
    settings = IgdbSettings.from_connection(parts(login="an-id", password="a-secret", extra=extra))
    assert (settings.base_url, settings.token_url) == (DEFAULT_BASE_URL, DEFAULT_TOKEN_URL)


def pair(base: str, tokens: str, **changes: Any) -> IgdbSettings:
    fields = {"client_id": "an-id", "client_secret": "a-secret", "base_url": base, "token_url": tokens}
    return IgdbSettings(conn_id="igdb_default", **fields | changes)


@pytest.mark.parametrize(
    ("base", "tokens"),
    [
        (DEFAULT_BASE_URL, DEFAULT_TOKEN_URL),
        (DEFAULT_BASE_URL, "https://ID.twitch.tv:443/oauth2/token"),
        ("https://gateway.example.com/igdb/v4", DEFAULT_TOKEN_URL),
        ("http://127.0.0.1:9090/v4", DEFAULT_TOKEN_URL),
        (f"{SANDBOX}/v4", f"{SANDBOX}/oauth2/token"),
        ("http://[::1]:8900/v4", "http://[::1]:8900/oauth2/token"),
        ("http://sandbox:8900/v4", "http://sandbox:8900/oauth2/token"),
        ("https://test.example.com/v4", "https://test.example.com:443/oauth2/token"),
    ],
)
def test_where_the_secret_may_go(base: str, tokens: str) -> None:
    assert pair(base, tokens).token_url == tokens


HELD = "the client secret is sent only to Twitch"
OURS = "it is a host of the real API"


@pytest.mark.parametrize(
    ("base", "tokens", "why"),
    [
        (
            DEFAULT_BASE_URL,
            "https://evil.example.com/oauth2/token",
            f"token_url is .*, expected {DEFAULT_TOKEN_URL}: {HELD}",
        ),
        (DEFAULT_BASE_URL, "http://127.0.0.1:18777/tok", HELD),
        (DEFAULT_BASE_URL, "https://id.twitch.tv.evil.example.com/oauth2/token", HELD),
        (DEFAULT_BASE_URL, "https://evil.example.com/id.twitch.tv", HELD),
        (DEFAULT_BASE_URL, "https://id.twitch.tv:8443/oauth2/token", HELD),
        (DEFAULT_BASE_URL, "https://api.igdb.com/oauth2/token", HELD),
        (DEFAULT_BASE_URL, "http://id.twitch.tv/oauth2/token", OURS),
        ("http://api.igdb.com/v4", DEFAULT_TOKEN_URL, OURS),
        ("http://api.igdb.com/v4", "http://api.igdb.com/oauth2/token", OURS),
        ("http://id.twitch.tv./v4", "http://id.twitch.tv./oauth2/token", OURS),
        (f"{SANDBOX}/v4", "http://127.0.0.1:18777/tok", f"or an address at {SANDBOX}: {HELD}"),
        (f"{SANDBOX}/v4", "http://sandbox:8900/oauth2/token", HELD),
        ("https://gateway.example.com/v4", "http://gateway.example.com/oauth2/token", HELD),
        ("http://gateway.example.com/v4", DEFAULT_TOKEN_URL, "host is .* would cross the network unencrypted"),
        ("http://sandbox:8900/v4", DEFAULT_TOKEN_URL, "set token_url to an address at http://sandbox:8900"),
    ],
)
def test_where_the_secret_may_not_go(base: str, tokens: str, why: str) -> None:
    with pytest.raises(FieldError, match=why) as caught:
        pair(base, tokens)
    assert ("IGDB_TOKEN_URL" in str(caught.value)) == (why != OURS)


def test_a_static_token_is_sent_to_the_base_url_only() -> None:
    given = {"client_secret": "", "static_token": "a-token"}
    assert pair("http://sandbox:8900/v4", DEFAULT_TOKEN_URL, **given).static_token
    with pytest.raises(FieldError, match=OURS):
        pair("http://api.igdb.com/v4", DEFAULT_TOKEN_URL, **given)

"""Proxies, private authorities, and replies that are too large: for the API, for tokens, and for the Test button."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from apiclient.errors import ApiError, ProxyError, ReplyError, UnreachableError
from apiclient.retry import Backoff
from apiclient.transport import MAX_REPLY_BYTES, proxy_for
from igdb.apicalypse import Query
from igdb.hook import IgdbHook
from igdb.tokens import ClientCredentials
from tests.support.forward_proxy import recording_proxy, write_certificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igdb.client import IgdbClient

QUICK = Backoff(base=0.01, cap=0.02)
API = "http://igdb.test/v4"
TOKENS = "http://igdb.test/oauth2/token"
# Base64 of user:p@ss, as the proxy below shows it: in lower case.
AUTHORIZATION = "proxy-authorization: basic dxnlcjpwqhnz"
VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def with_user(url: str) -> str:
    return url.replace("://", "://user:p%40ss@")


def port_of(api: Any) -> int:
    return int(api.url.rpartition(":")[2])


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
async def test_the_api_and_the_token_endpoint_are_asked_through_the_proxy(
    variable: str, api: Any, make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording_proxy(port_of(api)) as proxy:
        monkeypatch.setenv(variable, with_user(proxy.url))
        tokens = ClientCredentials(token_url=TOKENS, client_id="an-id", client_secret="a-secret")
        async with make_client(base_url=API, tokens=tokens) as client:
            assert (await client.query("games", Query())).rows == [{"id": 1}]
    assert proxy.asked == [f"POST {TOKENS}", f"POST {API}/games"]
    assert all(AUTHORIZATION in headers for headers in proxy.headers)


async def test_a_netrc_does_not_replace_the_token(
    api: Any, make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with recording_proxy(port_of(api)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with make_client(base_url=API) as client:
            assert (await client.query("games", Query())).rows == [{"id": 1}]
    assert "proxy-authorization" not in proxy.headers[0]


async def test_the_test_button_asks_through_the_proxy(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "conn_type": "igdb",
        "host": API,
        "login": "an-id",
        "password": "a-secret",
        "extra": {"token_url": TOKENS},
    }
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(fields))
    async with recording_proxy(port_of(api)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        good, message = await asyncio.to_thread(IgdbHook().test_connection)
    assert good, message
    assert proxy.asked == [f"POST {TOKENS}", f"POST {API}/games"]


@pytest.mark.parametrize(
    ("url", "no_proxy", "through"),
    [
        ("https://api.igdb.com/v4", "", "http://proxy:3128"),
        ("https://api.igdb.com/v4", "example.com,.twitch.tv", "http://proxy:3128"),
        ("https://api.igdb.com/v4", ".igdb.com", None),
        ("https://api.igdb.com/v4", "example.com, api.igdb.com", None),
        ("https://api.igdb.com/v4", "*", None),
        ("http://sandbox:8900/v4", "", None),
        ("https://127.0.0.1:8900/v4", "", None),
        ("https://[::1]:8900/v4", "", None),
        ("https://localhost:8900/v4", "", None),
    ],
)
def test_which_proxy(url: str, no_proxy: str, through: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    found = proxy_for(url, api="IGDB", endpoint="games")
    assert (str(found.url) if found else None) == through


@pytest.mark.parametrize("value", ["socks5://user:hush@proxy:1080", "http://user:hush@proxy:port", "http://"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ProxyError, match="HTTPS_PROXY is ") as caught:
        proxy_for("https://api.igdb.com/v4", api="IGDB", endpoint="games")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", [API, "https://igdb.test/v4"])
async def test_a_proxy_that_asks_for_a_password_fails_at_once(
    url: str, make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording_proxy(status=407) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with make_client(base_url=url) as client:
            with pytest.raises(ProxyError, match=f"the proxy {proxy.url} asks for a user and password .status 407"):
                await client.query("games", Query())
        tokens = ClientCredentials(token_url=TOKENS, client_id="an-id", client_secret="a-secret")
        with pytest.raises(ProxyError):
            await tokens.token()
    assert len(proxy.asked) == 2
    assert proxy.asked[0] == ("CONNECT igdb.test:443" if url.startswith("https") else f"POST {API}/games")


async def test_a_proxy_that_is_down_is_named_with_a_command_that_takes_the_same_route(
    make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@127.0.0.1:1/?a&b")
    async with make_client(base_url="https://igdb.test/v4", max_attempts=2) as client:
        with pytest.raises(UnreachableError, match=r"through the proxy http://127\.0\.0\.1:1") as caught:
            await client.query("games", Query())
    route = "--proxy 'http://127.0.0.1:1/?a&b' --proxy-user '<user>:<password>'"
    assert f" {route} https://igdb.test/v4/games`" in str(caught.value)
    assert "host 127.0.0.1:1 [" in str(caught.value)  # aiohttp adds ssl:default, also without TLS
    assert "hush" not in str(caught.value)
    assert client.stats.requests == 2


async def test_a_proxy_that_does_not_reach_the_host_is_asked_again(
    make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording_proxy(status=503) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with make_client(base_url="https://igdb.test/v4", max_attempts=2) as client:
            with pytest.raises(UnreachableError, match="the proxy answered with status 503"):
                await client.query("games", Query())
    assert len(proxy.asked) == 2


ASK_ONCE = """
import asyncio, sys
from igdb.apicalypse import Query
from igdb.client import IgdbClient
from apiclient.errors import ApiError
from igdb.tokens import StaticToken

async def main():
    tokens = StaticToken("static-token")
    async with IgdbClient(base_url="https://igdb.test/v4", client_id="an-id", tokens=tokens, max_attempts=1) as client:
        print((await client.query("games", Query())).rows)

try:
    asyncio.run(main())
except ApiError as error:
    print(error)
"""


async def test_https_goes_through_the_proxy_and_trusts_the_authority_of_ssl_cert_file(api: Any, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path, "igdb.test")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_post("/v4/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    shown = {}
    try:
        async with recording_proxy(runner.addresses[0][1]) as proxy:
            for name, more in (("trusted", {"SSL_CERT_FILE": str(certificate)}), ("unknown", {})):
                environment = {
                    "PYTHONPATH": ":".join(sys.path),
                    "HTTPS_PROXY": with_user(proxy.url),
                    "HOME": str(tmp_path),
                }
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", ASK_ONCE, env=environment | more, stdout=asyncio.subprocess.PIPE
                )
                shown[name] = (await process.communicate())[0].decode()
    finally:
        await runner.cleanup()
    assert shown["trusted"] == "[{'id': 1}]\n"
    assert "certificate verify failed" in shown["unknown"]
    assert "set SSL_CERT_FILE" in shown["unknown"]
    assert proxy.asked == ["CONNECT igdb.test:443"] * 2
    assert all(AUTHORIZATION in headers for headers in proxy.headers)
    assert "proxy-authorization" not in {name.lower() for asked in api.asked for name in asked.headers}


# --- replies that are too large -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A small reply that is 400 MB once it is unpacked."""
    return gzip.compress(bytes(400_000_000), compresslevel=9)


async def ask_the_api(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    async with make_client(max_attempts=1) as client:
        await client.query("games", Query())


async def ask_for_a_token(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    backoff = Backoff(base=0, cap=0)
    await ClientCredentials(
        token_url=api.token_url, client_id="an-id", client_secret="a-secret", backoff=backoff
    ).token()


@pytest.mark.parametrize("ask", [ask_the_api, ask_for_a_token])
async def test_a_reply_that_grows_without_end_is_cut_off(
    ask: Callable[..., Any], api: Any, make_client: Callable[..., IgdbClient], bomb: bytes
) -> None:
    for _ in range(5):
        api.then(200, bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    try:
        with pytest.raises(ReplyError, match="more than 64,000,000 bytes"):
            await ask(api, make_client)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(bomb) < 400_000
    assert peak < 2 * MAX_REPLY_BYTES, "all of it would be 400 MB"


async def test_a_reply_that_is_not_http_is_not_shown_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9 internal\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    fields = {"conn_type": "igdb", "host": url, "login": "an-id", "extra": {"static_token": "t"}}
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(fields))
    async with server:
        good, message = await asyncio.to_thread(IgdbHook().test_connection)
        async with IgdbHook().client() as client:
            client._max_attempts = 1
            with pytest.raises(ApiError, match="OpenSSH"):
                await client.query("games", Query())
    assert not good
    assert "the reply is not HTTP" in message
    assert "OpenSSH" not in message

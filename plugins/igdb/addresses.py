"""The two addresses of a connection, and which pairs of them are allowed. Pure.

The client secret is sent to the token URL, the token to the base URL. A person who may edit or test a connection can
set both without knowing the secret. So the client secret is sent only to these token URLs:

| token URL | base URL |
| --- | --- |
| https://id.twitch.tv/… | https:// on any host: the API itself, or a company's own gateway to it |
| https://id.twitch.tv/… | http:// on this machine: a debugging proxy |
| same scheme, host and port as the base URL | any, except a host of the real API: a sandbox or a test server |

A gateway gets tokens, never the secret. A token expires, can be revoked and cannot mint another one, and Airflow itself
refuses to test a stored password against another host. `http://` never reaches a host of the real API, and a token of
the real account never crosses a network by it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from yarl import URL

from apiclient.errors import FieldError
from apiclient.transport import host_of, is_this_machine

DEFAULT_BASE_URL = "https://api.igdb.com/v4"
DEFAULT_TOKEN_URL = "https://id.twitch.tv/oauth2/token"  # noqa: S105 - an address

_REAL_API = URL(DEFAULT_BASE_URL)
_REAL_TOKENS = URL(DEFAULT_TOKEN_URL)
# Subdomains of these belong to the real API's owner.
_REAL_DOMAINS = ("igdb.com", "twitch.tv")
_MASK = "***"
_NOT_IN_A_URL = re.compile(r"[\s\\\x00-\x1f\x7f]")


def base_url(connection: Any) -> str:
    """Return the base URL of an Airflow connection, in whichever way its parts were written. Raises FieldError.

    A form or JSON gives the whole URL in `host`. The URI `igdb://id:secret@127.0.0.1:8900/v4` splits it into host, port
    and schema, which is Airflow's word for the path. Without a scheme it is https, on this machine http.
    """
    conn_id = connection.conn_id
    host = (connection.host or "").strip()
    if not host:
        return DEFAULT_BASE_URL
    scheme, path = "", (connection.schema or "").strip().strip("/")
    if path.lower() in ("http", "https"):
        # Airflow's HTTP connections keep the scheme there.
        scheme, path = path.lower(), ""
    if "://" in host:
        scheme, _, host = host.partition("://")
    if _is_bare_ipv6(host):
        host = f"[{host}]"
    url = parse(conn_id, "host", f"{scheme or 'https'}://{host}")
    if not scheme and is_this_machine(url):
        url = url.with_scheme("http")
    url = _with_port(conn_id, url, connection.port)
    if path:
        url = parse(conn_id, "schema", f"{str(url).rstrip('/')}/{path}")
    if url.host == _REAL_API.host and url.path == "/":
        url = url.with_path(_REAL_API.path)
    return str(url).rstrip("/")


def parse(conn_id: str, key: str, text: object) -> URL:
    """Return a URL as the HTTP client reads it. Raises FieldError, without the value if it may hold a secret."""
    expected = f"a URL such as {DEFAULT_TOKEN_URL if key == 'token_url' else DEFAULT_BASE_URL}"
    if not isinstance(text, str) or _NOT_IN_A_URL.search(text):
        raise FieldError(conn_id, key, text, expected)
    try:
        url = URL(text)
    except ValueError:
        raise FieldError(conn_id, key, _MASK if "@" in text else text, expected) from None
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        raise FieldError(conn_id, key, _MASK, "a URL without a user; id and secret are login and password")
    if url.scheme not in ("http", "https") or not url.host or url.raw_query_string or url.raw_fragment:
        raise FieldError(conn_id, key, text, expected)
    return url


def check_pair(conn_id: str, *, base_url: str, token_url: str, sends_secret: bool) -> None:
    """Refuse addresses that would give the secret or a token to a host that must not have it.

    With a static token no secret is sent, and the token URL is not used.
    """
    base, tokens = parse(conn_id, "host", base_url), parse(conn_id, "token_url", token_url)
    for key, url, example in (("host", base, DEFAULT_BASE_URL), ("token_url", tokens, DEFAULT_TOKEN_URL)):
        if url.scheme == "http" and _is_real(url):
            raise FieldError(conn_id, key, str(url), f"https, as in {example}: it is a host of the real API")
    if not sends_secret:
        return
    if _origin(tokens) == _origin(_REAL_TOKENS):
        if base.scheme == "http" and not is_this_machine(base):
            raise FieldError(
                conn_id,
                "host",
                base_url,
                f"https, because tokens of {tokens.origin()} would cross the network unencrypted. For another server's "
                f"tokens set token_url to an address at {base.origin()}",
            )
    elif _origin(tokens) != _origin(base) or _is_real(base):
        expected = DEFAULT_TOKEN_URL if _is_real(base) else f"{DEFAULT_TOKEN_URL}, or an address at {base.origin()}"
        raise FieldError(
            conn_id,
            "token_url",
            token_url,
            f"{expected}: the client secret is sent only to Twitch, or to the server that is the API base URL (host)",
        )


def _with_port(conn_id: str, url: URL, port: object) -> URL:
    """Return the URL with the connection's port: a form sends 0 for none, and a URI or JSON may hold text."""
    text = str(port or "").strip()
    if text in ("", "0"):
        return url
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise FieldError(conn_id, "port", port, "a number up to 65535, or none")
    if url.explicit_port not in (None, int(text)):
        raise FieldError(conn_id, "port", port, f"none, because host has the port {url.explicit_port}")
    return url.with_port(int(text))


def _is_bare_ipv6(host: str) -> bool:
    # Airflow takes the brackets off the host of a URI.
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, host_of(url), url.port


def _is_real(url: URL) -> bool:
    return any(host_of(url) == domain or host_of(url).endswith(f".{domain}") for domain in _REAL_DOMAINS)

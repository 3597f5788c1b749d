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

from typing import Any

from yarl import URL

from apiclient import connections
from apiclient.errors import FieldError
from apiclient.hosts import host_of, is_this_machine

DEFAULT_BASE_URL = "https://api.igdb.com/v4"
DEFAULT_TOKEN_URL = "https://id.twitch.tv/oauth2/token"  # noqa: S105 - an address

_REAL_TOKENS = URL(DEFAULT_TOKEN_URL)
# Subdomains of these belong to the real API's owner.
_REAL_DOMAINS = ("igdb.com", "twitch.tv")
_SECRETS = "id and secret are login and password"


def base_url(connection: Any) -> str:
    """Return the base URL of an Airflow connection, in whichever way its parts were written. Raises FieldError."""
    return connections.base_url(connection, default=DEFAULT_BASE_URL, secrets=_SECRETS)


def _parse(conn_id: str, key: str, text: object) -> URL:
    example = DEFAULT_TOKEN_URL if key == "token_url" else DEFAULT_BASE_URL
    return connections.parse_url(conn_id, key, text, example=example, secrets=_SECRETS)


def check_pair(conn_id: str, *, base_url: str, token_url: str, sends_secret: bool) -> None:
    """Refuse addresses that would give the secret or a token to a host that must not have it.

    With a static token no secret is sent, and the token URL is not used.
    """
    base, tokens = _parse(conn_id, "host", base_url), _parse(conn_id, "token_url", token_url)
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
                f"tokens set token_url to an address at {base.origin()}; where connections are imported, "
                "IGDB_TOKEN_URL sets it",
            )
    elif _origin(tokens) != _origin(base) or _is_real(base):
        expected = DEFAULT_TOKEN_URL if _is_real(base) else f"{DEFAULT_TOKEN_URL}, or an address at {base.origin()}"
        raise FieldError(
            conn_id,
            "token_url",
            token_url,
            f"{expected}: the client secret is sent only to Twitch, or to the server that is the API base URL (host). "
            "Where connections are imported, IGDB_TOKEN_URL and IGDB_BASE_URL set them",
        )


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, host_of(url), url.port


def _is_real(url: URL) -> bool:
    return any(host_of(url) == domain or host_of(url).endswith(f".{domain}") for domain in _REAL_DOMAINS)

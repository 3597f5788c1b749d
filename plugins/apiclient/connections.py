"""The parts of an Airflow connection that every API has: its address, the numbers in its extra. Imports no Airflow.

Every function gets the connection's id for errors, and raises FieldError, without the value where it may hold a secret.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from typing import TYPE_CHECKING, Any

from yarl import URL

from apiclient.errors import FieldError
from apiclient.hosts import is_this_machine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Airflow shows this in the place of a secret; copied from there, it would be stored.
MASK = "***"

_NOT_IN_A_URL = re.compile(r"[\s\\\x00-\x1f\x7f]")


def base_url(connection: Any, *, default: str, secrets: str) -> str:
    """Return the base URL of an Airflow connection, in whichever way its parts were written.

    A form or JSON gives the whole URL in `host`. A URI such as `igdb://id:secret@127.0.0.1:8900/v4` splits it into
    host, port and schema, which is Airflow's word for the path. Without a scheme it is https, on this machine http.

    Args:
        connection: Of the task SDK or of the models.
        default: The address of the real API: for a connection without a host, and its path for one without a path.
        secrets: Where the secrets belong, for errors, such as `the key is the password`.
    """
    conn_id = connection.conn_id
    host = (connection.host or "").strip()
    if not host:
        return default
    scheme, path = "", (connection.schema or "").strip().strip("/")
    if path.lower() in ("http", "https"):
        # Airflow's HTTP connections keep the scheme there.
        scheme, path = path.lower(), ""
    if "://" in host:
        scheme, _, host = host.partition("://")
    if _is_bare_ipv6(host):
        host = f"[{host}]"
    url = parse_url(conn_id, "host", f"{scheme or 'https'}://{host}", example=default, secrets=secrets)
    if not scheme and is_this_machine(url):
        url = url.with_scheme("http")
    url = _with_port(conn_id, url, connection.port)
    if path:
        url = parse_url(conn_id, "schema", f"{str(url).rstrip('/')}/{path}", example=default, secrets=secrets)
    real = URL(default)
    if url.host == real.host and url.path == "/":
        url = url.with_path(real.path)
    return str(url).rstrip("/")


def parse_url(conn_id: str, key: str, text: object, *, example: str, secrets: str) -> URL:
    """Return a URL as the HTTP client reads it."""
    expected = f"a URL such as {example}"
    if not isinstance(text, str):
        raise FieldError(conn_id, key, text, expected)
    if _NOT_IN_A_URL.search(text):
        raise FieldError(conn_id, key, _without_secrets(text), expected)
    try:
        url = URL(text)
    except ValueError:
        raise FieldError(conn_id, key, _without_secrets(text), expected) from None
    if url.user is not None or url.password is not None or "@" in url.raw_authority:
        raise FieldError(conn_id, key, _without_secrets(text), f"a URL without a user; {secrets}")
    if url.scheme not in ("http", "https") or not url.host or url.raw_query_string or url.raw_fragment:
        raise FieldError(conn_id, key, _without_secrets(text), expected)
    return url


def _without_secrets(url: str) -> str:
    """Return an address without its user and the values of its query."""
    url = re.sub(r"(?s)^([a-z]+://)?.*@", rf"\1{MASK}@", url)
    return re.sub(r"(?s)\?.*", f"?{MASK}", url)


def read_extra(conn_id: str, text: str | None, keys: Collection[str]) -> dict[str, Any]:
    """Return the extra's own keys; null and empty, which a form sends for fields left alone, count as absent."""
    if not text:
        return {}
    try:
        extra = json.loads(text)
    except ValueError:
        # Without the value: it may hold a secret.
        raise FieldError(conn_id, "extra", "no JSON", "a JSON object") from None
    if extra is None:
        return {}
    if not isinstance(extra, dict):
        raise FieldError(conn_id, "extra", type(extra).__name__, "a JSON object")
    if unknown := sorted(extra.keys() - set(keys)):
        raise FieldError(conn_id, "extra", unknown, f"no other keys than {sorted(keys)}")
    stripped = {key: value.strip() if isinstance(value, str) else value for key, value in extra.items()}
    return {key: value for key, value in stripped.items() if value not in (None, "")}


def number(conn_id: str, extra: Mapping[str, Any], key: str, default: float) -> float:
    """Return a number of the extra. The numbers of a connection given as a URI are texts."""
    found = extra.get(key, default)
    try:
        if isinstance(found, bool):
            raise TypeError
        return float(found)
    except (TypeError, ValueError):
        raise FieldError(conn_id, key, found, "a number") from None


def whole_number(conn_id: str, extra: Mapping[str, Any], key: str, default: int) -> int:
    """Return a whole number of the extra."""
    found = number(conn_id, extra, key, default)
    if not found.is_integer():
        raise FieldError(conn_id, key, extra.get(key), "a whole number")
    return int(found)


def check_rate(conn_id: str, requests_per_second: float) -> None:
    """Refuse a rate that is no number above 0."""
    if not (math.isfinite(requests_per_second) and requests_per_second > 0):
        raise FieldError(conn_id, "requests_per_second", requests_per_second, "a number above 0")


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

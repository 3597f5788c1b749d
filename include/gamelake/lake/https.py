"""A lake behind a CDN, for reading: objects by key over HTTPS. A CDN can neither list nor be written to.

    GAMELAKE_CDN_URL=https://host/prefix        the object of key k is https://host/prefix/k

What may pass (429, 5xx, broken connections, bodies that end early) is requested again a few times; then, and for
every other answer, StoreError is raised.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import urllib3

from gamelake.lake.store import ObjectInfo, ObjectNotFoundError, StoreError, buffered, check_key
from gamelake.proxies import proxy_for
from gamelake.settings import read_settings
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

RETRIES = urllib3.Retry(
    total=4,
    allowed_methods={"GET", "HEAD"},
    status_forcelist={429, 500, 502, 503, 504},
    backoff_factor=0.5,  # 0, 1, 2, 4 seconds
    backoff_jitter=0.5,
    retry_after_max=60,
    raise_on_status=False,
)
TIMEOUT = urllib3.Timeout(connect=10, read=60)
"""Seconds to connect, and between two pieces of a body."""

_EXCERPT = 200
_DENIED = b"<Code>AccessDenied</Code>"
_HINTS = {
    401: "the CDN asks for a login, which a lake is never behind: let it serve this prefix to readers",
    403: "the CDN may not read the object, or refuses this reader (signed URLs, a firewall, a country)",
}


class DeniedError(StoreError):
    """S3's 403 before any object was read: the CDN may read nothing, or there is no such object."""


class HttpsStore:
    """A URL as a store that only reads; see `ReadableStore` for what the methods promise.

    S3 answers a CDN that may not list 403 for an absent object, which is also what it answers a CDN that may read
    nothing. So a 403 of S3 counts as absent only once another object was read; before, it is an error that names both.

    Raises: StoreError, if the URL is none of a lake, or its proxy cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.uri = _checked(url)
        try:
            self._http = pool(self.uri)
        except urllib3.exceptions.HTTPError as error:
            variable = f"{urlsplit(url).scheme.upper()}_PROXY"
            raise StoreError("open", url, f"{variable}: {error}; correct it, or list the host in NO_PROXY") from error
        self._has_read = False

    def url(self, key: str) -> str:
        """Return the object's https:// address."""
        check_key("url", key)
        return f"{self.uri}/{url_path(key)}"

    def get(self, key: str) -> bytes:
        """Return the object's bytes."""
        return self._request("GET", key, preload=True).data

    def open(self, key: str) -> BinaryIO:
        """Return a stream of the object's bytes; what breaks on its way is not asked for again."""
        url = self.url(key)
        return buffered(self._request("GET", key, preload=False), lambda: _body_errors(url))

    def info(self, key: str) -> ObjectInfo:
        """Size and time of an object."""
        headers = self._request("HEAD", key, preload=True).headers
        try:
            modified = parsedate_to_datetime(headers["Last-Modified"])
            return ObjectInfo(key, int(headers["Content-Length"]), modified.astimezone(UTC))
        except (KeyError, ValueError, OverflowError) as error:
            reason = f"the CDN's reply has no usable Content-Length or Last-Modified: {dict(headers)}"
            raise StoreError("HEAD", self.url(key), reason) from error

    def _request(self, method: str, key: str, *, preload: bool) -> urllib3.BaseHTTPResponse:
        url = self.url(key)
        try:
            response = self._http.request(method, url, preload_content=preload, redirect=False)
            if response.status != 200:
                raise self._refusal(method, key, response.status, response.data)
        except urllib3.exceptions.HTTPError as error:
            raise StoreError(method, url, f"{_reason(error)}; is GAMELAKE_CDN_URL right, and the CDN up?") from error
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.close()
            reason = (
                "200 with a page of HTML, which no object of a lake is: the CDN shows a page of its own for absent "
                "objects, or a login stands before it; let it pass on the origin's answers for this prefix"
            )
            raise StoreError(method, url, reason)
        self._has_read = True
        return response

    def _refusal(self, method: str, key: str, status: int, body: bytes) -> StoreError:
        """Return what an answer other than 200 means."""
        url = self.url(key)
        if status == 404:
            return ObjectNotFoundError(method, url, "no such object")
        if status == 403 and method == "HEAD":
            # Its answer has no body: only a GET tells whose refusal it is.
            self._request("GET", key, preload=False).close()
            return StoreError(method, url, "status 403, where a GET succeeds; let the CDN allow HEAD")
        if status == 403 and _DENIED in body:
            if self._has_read:
                return ObjectNotFoundError(
                    method, url, "no such object (403: the CDN may not list, so S3 does not say 404)"
                )
            reason = (
                "403 AccessDenied: S3 replies so if the CDN may not read, and also when there is no such object and it "
                "may not list; check the bucket's policy, and that a first load was committed"
            )
            return DeniedError(method, url, reason)
        hint = _HINTS.get(status)
        excerpt = body[:_EXCERPT].decode("utf-8", "replace")
        return StoreError(method, url, f"status {status}: {excerpt}{f'; {hint}' if hint else ''}")


@contextmanager
def _body_errors(url: str) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        raise StoreError("GET", url, f"the body broke off: {_reason(error)}") from error


def ca_bundle() -> str | None:
    """Return the file of a private network's CAs, from the variables that boto3 reads; None for the public ones."""
    settings = read_settings()
    return settings.aws_ca_bundle or settings.requests_ca_bundle


def pool(url: str, *, retries: urllib3.Retry = RETRIES, timeout: urllib3.Timeout = TIMEOUT) -> urllib3.PoolManager:
    """Return what sends requests to a URL, through the proxy and with the CAs of the environment.

    Raises: urllib3.exceptions.HTTPError, if the proxy's address is no URL, or of socks.
    """
    options: dict[str, Any] = {"retries": retries, "timeout": timeout, "ca_certs": ca_bundle()}
    proxy = proxy_for(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    login = urlsplit(proxy)
    headers = None
    if login.username:
        user = f"{unquote(login.username)}:{unquote(login.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=user)
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


def open_cdn() -> HttpsStore | None:
    """Return the lake behind the CDN of `GAMELAKE_CDN_URL`, None if that is not set. Raises: StoreError."""
    url = read_settings().gamelake_cdn_url
    return HttpsStore(url) if url else None


def url_path(key: str) -> str:
    """Return a key as a part of a URL's path, also in the form of CloudFront's invalidation paths.

    What RFC 1738 calls unsafe, and what is not ASCII, is encoded; nothing else may be, or CloudFront takes it for
    another path. `?` and `*` are encoded: they would begin a query, or stand for any path.
    """
    return quote(key, safe="/:@=&;+$,!'()").replace("~", "%7E")


def _checked(url: str) -> str:
    """Return the URL without a slash at its end. Raises: StoreError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host:
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        # Nothing that DuckDB would take for a pattern of names.
        if secure and plain and re.fullmatch(r"[A-Za-z0-9._~%/@:+=-]*", parts.path):
            return url.rstrip("/")
    expected = "expected https://host/prefix, without login, query or fragment (http:// for loopback addresses only)"
    raise StoreError("open", without_secrets(url), f"{expected}; it comes from GAMELAKE_CDN_URL")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """Return what went wrong, without urllib3's own objects in the text."""
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason.args[0] if reason.args else reason}"

"""How an API and its token endpoint are reached: proxies, sessions, requests, bounded replies, and errors without one.

`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (or their lower-case forms) are read as boto3 and Python's own library read
them. This machine is always reached directly, so that the sandbox works behind a company's proxy. aiohttp's own
`trust_env` would also read `~/.netrc`, refuse requests whose host is in it, and ignore a proxy at `https://`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from apiclient.errors import ApiError, ProxyError, ReplyError, UnreachableError
from apiclient.hosts import is_this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping

USER_AGENT = f"airflow-apiclient aiohttp/{aiohttp.__version__}"

STAND_IN_HEADER = "X-Stand-In"
"""A server that stands in for an API, such as a sandbox, states its name in it. No real API sends it."""

# A gzip reply can grow a thousand times on the way to memory.
MAX_REPLY_BYTES = 64_000_000

_CONNECT_SECONDS = 10.0
# A slow network needs minutes for replies that are open at once. So the limit is on the time without a byte, and this
# many times it on the whole request.
_LONGEST = 10
_PROXY_AUTHENTICATION = 407


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, without the user and password in its URL. `tunnels` if it must not read what it carries."""

    url: URL
    tunnels: bool
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy itself asks of a request."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_for(url: str, *, api: str, endpoint: str) -> Proxy | None:
    """Return the proxy that the environment names for this URL, or None. Raises ProxyError if it cannot be used."""
    target = URL(url)
    if is_this_machine(target) or proxy_bypass(target.authority):
        return None
    text = getproxies().get(target.scheme, "").strip()
    if not text:
        return None
    variable = f"{target.scheme.upper()}_PROXY"
    try:
        found = URL(text if "://" in text else f"http://{text}")
        authorization = aiohttp.encode_basic_auth(found.user, found.password or "") if found.user else ""
        proxy = Proxy(found.with_user(None), target.scheme == "https", authorization)
    except ValueError:
        # Without the value: it may hold a password.
        raise ProxyError(f"{variable} is not a URL", api=api, endpoint=endpoint) from None
    if found.scheme not in ("http", "https") or not found.host:
        expected = "http:// or https:// with a host"
        raise ProxyError(f"{variable} is {proxy.url}, expected {expected}", api=api, endpoint=endpoint)
    return proxy


def open_session(
    proxy: Proxy | None, *, seconds: float, headers: Mapping[str, str], **options: Any
) -> aiohttp.ClientSession:
    """Return a session through the proxy, if there is one. seconds: the longest wait for the next byte of a reply."""
    # Without a tunnel the proxy reads the request's own headers.
    for_proxy = proxy.headers if proxy and not proxy.tunnels else {}
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(
            total=seconds * _LONGEST, connect=seconds, sock_connect=_CONNECT_SECONDS, sock_read=seconds
        ),
        headers={**headers, **for_proxy},
        **options,
    )
    # aiohttp repeats a GET whose connection breaks, and no public option stops it: such a request would neither be
    # paced nor counted, and an API with a quota counts it.
    session._retry_connection = False
    return session


class HttpReply(NamedTuple):
    """A reply of any status, with its decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    api: str,
    endpoint: str,
    query: str = "",
    proxy: Proxy | None = None,
    **options: Any,
) -> HttpReply:
    """Send one request, and return its reply.

    Args:
        session: Of `open_session`.
        method: Such as `GET`.
        url: What to ask. A redirect is not followed: a secret goes to this host and to no other.
        api: The name of the API for people, for errors.
        endpoint: The endpoint, for errors.
        query: The text of the request, for errors.
        proxy: That of the session.
        options: For aiohttp, such as `data` and `headers`.

    Raises:
        UnreachableError: No reply came.
        ProxyError: A proxy refuses to serve this machine.
        ReplyError: The body is above MAX_REPLY_BYTES; the rest is not read.
    """
    if proxy is not None:
        options |= {"proxy": proxy.url, "proxy_headers": proxy.headers if proxy.tunnels else None}
    failure: ApiError | None = None
    try:
        async with session.request(method, url, allow_redirects=False, **options) as response:
            body = await _read_body(response, api=api, endpoint=endpoint, query=query)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        failure = _unreachable_error(error, api=api, url=url, endpoint=endpoint, proxy=proxy, query=query)
    if failure is not None:  # raised here, so that it has no context: see _unreachable_error
        raise failure
    if response.status == _PROXY_AUTHENTICATION:
        raise _proxy_error(response.status, api=api, url=url, endpoint=endpoint, proxy=proxy, query=query)
    return HttpReply(response.status, response.headers, body)


async def _read_body(response: aiohttp.ClientResponse, *, api: str, endpoint: str, query: str) -> bytes:
    """Return the decompressed body. Raises ReplyError once it is above MAX_REPLY_BYTES, without reading the rest."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            response.close()
            raise ReplyError(
                f"status {response.status}, but the reply has more than {MAX_REPLY_BYTES:,} bytes; "
                "the rest was not read",
                api=api,
                endpoint=endpoint,
                query=query,
                status=response.status,
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _unreachable_error(
    error: Exception, *, api: str, url: str, endpoint: str, proxy: Proxy | None, query: str
) -> ApiError:
    """Return the error of a request without a reply, with the host and a command that checks the same route to it.

    Takes the text of `error`, never its repr, and must not be raised `from` it: an aiohttp error may hold the request
    with its headers, and the token in them.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status in (403, _PROXY_AUTHENTICATION):
        return _proxy_error(error.status, api=api, url=url, endpoint=endpoint, proxy=proxy, query=query)
    route = f"{url} through the proxy {proxy.url}" if proxy else url
    reply = ""
    if isinstance(error, TimeoutError):
        text = "no reply in time"
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        text = f"the proxy answered with status {error.status}"
    elif isinstance(error, aiohttp.ClientResponseError):
        text, reply = "the reply is not HTTP", error.message
    else:
        text = str(error).replace(" ssl:default ", " ") or type(error).__name__  # aiohttp adds it to http:// too
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        hint = (
            "if the certificate belongs to a proxy or gateway of your own, set SSL_CERT_FILE to a file with its "
            "authority in the environment of this program, and start it again"
        )
    else:
        hint = (
            f"try `{_curl(url, proxy)}`: 000 means that this machine cannot reach the server. Check the address, and "
            "HTTPS_PROXY and NO_PROXY in the environment"
        )
    return UnreachableError(f"{route}: {text}", api=api, endpoint=endpoint, query=query, reply=reply, hint=hint)


def _proxy_error(status: int, *, api: str, url: str, endpoint: str, proxy: Proxy | None, query: str) -> ProxyError:
    """Return the error of a proxy that does not let this machine or its user through."""
    name = f"the proxy {proxy.url}" if proxy else "a proxy"
    what = "asks for a user and password" if status == _PROXY_AUTHENTICATION else "does not allow this host"
    return ProxyError(f"{url}: {name} {what} (status {status})", api=api, endpoint=endpoint, query=query, status=status)


def _curl(url: str, proxy: Proxy | None) -> str:
    # The proxy by name, because curl reads other variables than Python does.
    route = f"--proxy {shlex.quote(str(proxy.url))}" if proxy else "--noproxy '*'"
    if proxy and proxy.authorization:
        route += " --proxy-user '<user>:<password>'"
    return f"curl -sS -o /dev/null -w '%{{http_code}}' {route} {shlex.quote(str(url))}"

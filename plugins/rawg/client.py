"""An asynchronous client of RAWG's API: pacing, retries by error class, the key. No Airflow in it.

    async with RawgClient(base_url=…, key=…) as client:
        page = await client.page("games", {"updated": "2026-11-20,2026-11-21", "ordering": "updated"}, page=1)
        page.results[0]["name"], page.count, page.has_next
        detail = await client.single("games/3498")

What is asked again, and what is not:

| answer | what happens |
| --- | --- |
| 429 | no request of this client starts for a while, then it is asked again |
| 5xx, refused, reset, timeout, 404 without RAWG's JSON | asked again, with growing, jittered waits |
| 200 with HTML, torn JSON or another shape than promised, or above 64 MB | likewise |
| 200 with a row that no parser accepts | the row is passed on as an UnreadableRow |
| 401 | fails at once; QuotaSpentError, MissingKeyError and UnknownKeyError are told apart by the text |
| 404 | fails at once: PastTheEndError for a page after the last one |
| the rest | fails at once: the same request would fail again |

RAWG has a quota of requests a month. Each request counts, and so does each retry: `stats.requests` has them all, and
`before_request` can refuse the next one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

from apiclient.client import ApiClient, allow
from apiclient.errors import ApiError
from apiclient.retry import retry_after_seconds
from rawg.errors import API, RateLimitError, error_for
from rawg.replies import Answer, Page, Single

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from apiclient.retry import Backoff

RAWG = "rawg"
MAX_PAGE_SIZE = 40
"""RAWG returns 40 objects for any larger page size, without an error."""
MAX_PAGES = 500
"""RAWG serves no page after this one: cut a query whose count is above MAX_PAGES * MAX_PAGE_SIZE."""
DEFAULT_REQUESTS_PER_SECOND = 2.0
DEFAULT_MAX_ATTEMPTS = 4

_MAX_OPEN_REQUESTS = 4
_PATH = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*")
_OWN_PARAMETERS = {"key", "page", "page_size"}

_T = TypeVar("_T")


class RawgClient(ApiClient):
    """A client of one key: all requests that share its budget go through it.

    Made on any thread, entered and used on one event loop. `origin` is the server of the latest reply: `rawg`, or the
    value of STAND_IN_HEADER.

    Args:
        base_url: Such as `https://api.rawg.io/api`.
        key: Sent as a query parameter, to the host of `base_url` only.
        requests_per_second: The most starts of requests in any one second.
        timeout: Seconds without a byte of the reply. A whole request may take ten times as long.
        max_attempts: The most requests for one answer. It counts the first one.
        before_request: Called before each request, retries included. An error of it is raised, and nothing is sent.
    """

    api = API
    source = RAWG
    rate_limit_error = RateLimitError

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND,
        timeout: float = 30.0,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        backoff: Backoff | None = None,
        before_request: Callable[[], Awaitable[None]] = allow,
    ) -> None:
        super().__init__(
            base_url=base_url,
            requests_per_second=requests_per_second,
            max_open_requests=_MAX_OPEN_REQUESTS,
            timeout=timeout,
            max_attempts=max_attempts,
            backoff=backoff,
            before_request=before_request,
        )
        self._key = key
        self._key_forms = {key, quote(key, safe="")}

    def __repr__(self) -> str:
        return f"RawgClient(base_url={self.base_url!r}, key=***)"

    async def page(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        page: int = 1,
        page_size: int = MAX_PAGE_SIZE,
    ) -> Page:
        """Return one page of a list.

        Args:
            path: Such as `games`, `platforms/lists/parents` or `games/3498/stores`.
            query: Filters and `ordering`; not `key`, `page` or `page_size`.
            page: From 1.
            page_size: 1 to 40.

        Example:
            page = await client.page("games", {"ordering": "updated"})
            for row in page.results:
                print(row["id"], row["name"])

        Raises:
            PastTheEndError: The list has no such page.
            QuotaSpentError: The requests of this month are used up.
            ApiError: See the head of `errors`.
        """
        if not 1 <= page_size <= MAX_PAGE_SIZE or page < 1:
            raise ValueError(
                f"page {page}, page_size {page_size}: expected a page from 1, of 1 to {MAX_PAGE_SIZE} rows"
            )
        parameters = {name: str(value) for name, value in (query or {}).items()}
        if found := sorted(parameters.keys() & _OWN_PARAMETERS):
            raise ValueError(f"query has {found}, expected filters and ordering only: the client adds {found}")
        return await self._ask(path, parameters | {"page": str(page), "page_size": str(page_size)}, Answer.page)

    async def single(self, path: str) -> Single:
        """Return one object.

        Args:
            path: Such as `games/3498`. A slug that has changed gets an object with `redirect` and the new `slug`.

        Raises:
            NotFoundError: There is no such object.
            QuotaSpentError: The requests of this month are used up.
            ApiError: See the head of `errors`.
        """
        return await self._ask(path, {}, Answer.single)

    async def _ask(self, path: str, parameters: dict[str, str], read: Callable[[Answer], _T]) -> _T:
        if not _PATH.fullmatch(path):
            raise ValueError(f"path is {path!r}, expected one such as games or games/3498/stores")

        async def once() -> _T:
            return read(await self._send(path, parameters))

        return await self._retried(once)

    async def _send(self, path: str, parameters: dict[str, str]) -> Answer:
        """Send one request. Raises: ApiError, for every status but 200."""
        query = urlencode(parameters, safe=",.")
        try:
            response = await self._request("GET", path, query=query, params=parameters | {"key": self._key})
        except ApiError as error:
            # A server that is no HTTP server may send the request line back, and the key is in it.
            error.what, error.reply = self._without_key(error.what), self._without_key(error.reply)
            error.args = (error.what,)
            raise
        body = self._body_without_key(response.body)
        if response.status == 200:
            return Answer(endpoint=path, query=query, body=body, headers=response.headers)
        raise error_for(
            response.status,
            endpoint=path,
            query=query,
            reply=body.decode(errors="replace"),
            retry_after=retry_after_seconds(response.headers.get("Retry-After")),
        )

    def _body_without_key(self, body: bytes) -> bytes:
        """Return a reply without the key, which RAWG writes into links, and an error page may show."""
        for form in self._key_forms:
            body = body.replace(form.encode(), b"***")
        return body

    def _without_key(self, text: str) -> str:
        for form in self._key_forms:
            text = text.replace(form, "***")
        return text

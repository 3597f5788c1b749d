"""An asynchronous client of IGDB's API v4: pacing, retries by error class, tokens. No Airflow in it.

    async with IgdbClient(base_url=…, client_id=…, tokens=…) as client:
        reply = await client.query("games", Query(where=(below("id", 500),)))
        reply.rows[0]["name"]

What is asked again, and what is not:

| answer | what happens |
| --- | --- |
| 429 | no request of this client starts for a while, then it is asked again |
| 5xx, refused, reset, timeout | asked again, with growing, jittered waits |
| 200 with HTML, torn JSON, `null`, `{}` or another shape than promised, or above 64 MB | likewise |
| 200 with a row that no parser accepts | likewise; a row that came before is passed on as an UnreadableRow |
| 408 | asked once more, then SlowQueryError at once: the caller should use a smaller window |
| 401 | asked again with up to three new tokens, then TokenError; with a static token AuthError at once |
| 400, 403, 404, 407, 413, the rest | fails at once: the same request would fail again |
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from apiclient.client import ApiClient
from apiclient.errors import ReplyError
from apiclient.retry import retry_after_seconds
from igdb.apicalypse import count_text, multiquery_text
from igdb.errors import API, AuthError, PayloadTooLargeError, RateLimitError, TokenError, error_for
from igdb.replies import Answer, Count, MultiReply, Reply, RowsT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from apiclient.retry import Backoff
    from igdb.apicalypse import Condition, Query, SubQuery
    from igdb.tokens import TokenSource

MAX_REQUEST_BYTES = 32_000
IGDB = "igdb"

_T = TypeVar("_T")


class IgdbClient(ApiClient):
    """A client of one client id: all requests that share its budget go through it.

    `base_url` is such as `https://api.igdb.com/v4`; `timeout` is the seconds without a byte of the reply; a whole
    request may take ten times as long. `max_attempts` counts the first one. Made on any thread, entered and used on
    one event loop. `origin` is the server of the latest reply: `igdb`, or the value of STAND_IN_HEADER.
    """

    api = API
    source = IGDB
    rate_limit_error = RateLimitError

    def __init__(
        self,
        *,
        base_url: str,
        client_id: str,
        tokens: TokenSource,
        requests_per_second: float = 4.0,
        max_open_requests: int = 8,
        timeout: float = 30.0,
        max_attempts: int = 6,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            requests_per_second=requests_per_second,
            max_open_requests=max_open_requests,
            timeout=timeout,
            max_attempts=max_attempts,
            backoff=backoff,
            headers={"Client-ID": client_id},
        )
        self._client_id = client_id
        self._tokens = tokens

    def __repr__(self) -> str:
        return f"IgdbClient(base_url={self.base_url!r}, client_id={self._client_id!r})"

    async def query(
        self,
        endpoint: str,
        query: Query,
        read: Callable[[list[Any]], RowsT] = list,  # type: ignore[assignment] # mypy: a type variable has no default
    ) -> Reply[RowsT]:
        """Return the rows of one query.

        Args:
            endpoint: Such as `games`.
            query: Which fields of which rows, and in which order.
            read: Converts the rows of the reply; by default they stay a list of objects.

        Example:
            query = Query(fields="id,name", where=(at_least("id", 500),), limit=10)
            for row in (await client.query("games", query)).rows:
                print(row["id"], row["name"])

        Raises:
            ApiError: See the head of `errors`.
        """
        return await self._ask(endpoint, query.text(), lambda answer: answer.reply(read))

    async def count(self, endpoint: str, where: Sequence[Condition] = ()) -> Count:
        """Return the number of rows of an endpoint that meet all conditions.

        Example:
            (await client.count("games", [at_least("updated_at", 1763668800)])).count

        Raises:
            ApiError: See the head of `errors`.
        """
        return await self._ask(f"{endpoint}/count", count_text(where), Answer.count)

    async def multiquery(
        self,
        parts: Sequence[SubQuery],
        read: Callable[[list[Any]], RowsT] = list,  # type: ignore[assignment]
    ) -> MultiReply[RowsT]:
        """Send up to 10 queries in one request, and return the rows of each and the counts.

        Args:
            parts: The queries; one that is wrong fails all of them.
            read: Converts the rows of each part.

        Example:
            first = Query(where=(below("id", 500),))
            parts = [SubQuery("rows", "games", first), SubQuery("count", "games", first, count=True)]
            reply = await client.multiquery(parts)
            len(reply.rows["rows"]) == reply.counts["count"]

        Raises:
            PayloadTooLargeError: The replies together are above 10 MB.
            ApiError: See the head of `errors`.
        """
        return await self._ask("multiquery", multiquery_text(parts), lambda answer: answer.parts(parts, read))

    async def _ask(self, endpoint: str, query: str, read: Callable[[Answer], _T]) -> _T:
        body = query.encode()
        if len(body) > MAX_REQUEST_BYTES:
            raise PayloadTooLargeError(
                f"the request has {len(body):,} bytes, the API takes {MAX_REQUEST_BYTES:,}; it was not sent",
                endpoint=endpoint,
                query=f"{query[:500]}…",
            )

        unreadable: set[int | bytes] = set()

        def parse(answer: Answer) -> _T:
            """Parse a reply. A row that cannot be parsed is an error the first time, and unreadable the second time."""
            return read(replace(answer, unreadable=unreadable))

        return await self._authorized(endpoint, query, lambda token: self._rows(endpoint, query, token, parse))

    async def call(self, method: str, path: str, *, form: Mapping[str, str] | None = None, secret: str = "") -> Any:
        """Send a request that is no query, such as those of webhooks, and return the JSON of its reply.

        Args:
            method: Such as DELETE.
            path: Below the base URL.
            form: Its fields, if it has some.
            secret: What no error may show.

        Raises:
            ApiError: See the head of `errors`.
        """

        async def send(token: str) -> Any:
            headers = {"Authorization": f"Bearer {token}"}
            response = await self._request(method, path, query="", data=form, headers=headers)
            body = response.body.decode(errors="replace").replace(token, "***")
            if response.status not in {200, 201, 204}:
                shown = body.replace(secret, "***") if secret else body
                raise error_for(response.status, endpoint=path, reply=shown)
            try:
                return json.loads(body) if body.strip() else None
            except ValueError:
                # Without the reply: it may have the secret.
                raise ReplyError("a reply that is no JSON", api=API, endpoint=path, status=response.status) from None

        return await self._authorized(path, "", send)

    async def _authorized(self, endpoint: str, query: str, send: Callable[[str], Awaitable[_T]]) -> _T:
        """Send with a token, and with a new one where it is refused; try again what may be tried again."""

        async def once() -> _T:
            token = await self._tokens.token()
            try:
                return await send(token)
            except AuthError:
                await self._tokens.invalidate(token)
                renewed = await self._tokens.token()
                if renewed == token:
                    raise
            self.stats.retries += 1
            try:
                return await send(renewed)
            except AuthError as error:
                await self._tokens.invalidate(renewed)
                raise TokenError(
                    "a token minted a moment ago is refused (status 401)",
                    endpoint=endpoint,
                    query=query,
                    status=error.status,
                    reply=error.reply,
                ) from None

        return await self._retried(once)

    async def _rows(self, endpoint: str, query: str, token: str, parse: Callable[[Answer], _T]) -> _T:
        return parse(await self._send(endpoint, query, token))

    async def _send(self, endpoint: str, query: str, token: str) -> Answer:
        """Send one request. Raises: ApiError, for every status but 200."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        response = await self._request("POST", endpoint, query=query, data=query.encode(), headers=headers)
        if response.status == 200:
            return Answer(endpoint=endpoint, query=query, body=response.body, headers=response.headers)
        raise error_for(
            response.status,
            endpoint=endpoint,
            query=query,
            # A proxy's error page may show the request's headers.
            reply=response.body.decode(errors="replace").replace(token, "***"),
            retry_after=retry_after_seconds(response.headers.get("Retry-After")),
        )

"""IGDB's webhooks: register, list, test and remove them. No Airflow in it.

    async with settings.client() as client:
        await register(client, "games", "update", url="https://events.example.com/igdb/games/update", secret=secret)

There is one webhook for an endpoint and a method. Registering it again with the same values makes it active again:
IGDB turns a webhook off after five failures. Replies have the secret; a `Webhook` does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apiclient.errors import ReplyError
from igdb.errors import API

if TYPE_CHECKING:
    from igdb.client import IgdbClient

METHODS = ("create", "update", "delete")
"""In the order of IGDB's `sub_category`."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as IGDB has it, without its secret.

    Attributes:
        id: Its number.
        url: Where IGDB sends events.
        method: One of METHODS; a number that is none of them as text.
        category: IGDB's number of the endpoint.
        is_active: False after five failures.
    """

    id: int
    url: str
    method: str
    category: int
    is_active: bool

    @classmethod
    def read(cls, found: Any, endpoint: str) -> Webhook:
        """Read an element of a reply. Raises: ReplyError, which shows nothing of it."""
        try:
            number = int(found["sub_category"])
            method = METHODS[number] if 0 <= number < len(METHODS) else str(number)
            active = bool(found["active"])
            return cls(int(found["id"]), str(found["url"]), method, int(found["category"]), active)
        except (KeyError, TypeError, ValueError):
            raise ReplyError(
                "a webhook without id, url, category, sub_category or active", api=API, endpoint=endpoint
            ) from None


async def register(client: IgdbClient, endpoint: str, method: str, *, url: str, secret: str) -> Webhook:
    """Register a webhook, or make it active again. Raises: ApiError."""
    path = f"{endpoint}/webhooks/"
    found = await client.call("POST", path, form={"url": url, "secret": secret, "method": method}, secret=secret)
    # The documentation shows an object; replies of IGDB are lists elsewhere.
    return Webhook.read(found[0] if isinstance(found, list) and found else found, path)


async def webhooks(client: IgdbClient) -> list[Webhook]:
    """Return all webhooks of the client id. Raises: ApiError."""
    found = await client.call("GET", "webhooks/")
    if not isinstance(found, list):
        raise ReplyError("no list of webhooks", api=API, endpoint="webhooks/")
    return [Webhook.read(each, "webhooks/") for each in found]


async def remove(client: IgdbClient, webhook_id: int) -> None:
    """Remove a webhook. Raises: ApiError."""
    await client.call("DELETE", f"webhooks/{webhook_id}")


async def test(client: IgdbClient, endpoint: str, webhook_id: int, entity_id: int) -> None:
    """Let IGDB send one row to a webhook. Raises: ApiError."""
    await client.call("POST", f"{endpoint}/webhooks/test/{webhook_id}?entityId={entity_id}")

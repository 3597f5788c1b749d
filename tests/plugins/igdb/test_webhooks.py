"""Requests of webhooks, and that no error shows a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ApiError, ReplyError
from igdb.errors import QueryError
from igdb.webhooks import register, webhooks

if TYPE_CHECKING:
    from igdb.client import IgdbClient

SECRET = "the-secret-of-the-webhook"
HOOK = {"id": 7, "url": "https://e.example/igdb/games/delete", "category": 3, "sub_category": 2, "active": False}


async def test_a_webhook_is_registered_by_a_form(api: Any, client: IgdbClient) -> None:
    for body in ({**HOOK, "secret": SECRET}, [{**HOOK, "secret": SECRET}]):
        api.then(body=body)
        made = await register(client, "games", "delete", url=HOOK["url"], secret=SECRET)  # type: ignore[arg-type]
        assert (made.id, made.method, made.is_active, made.category) == (7, "delete", False, 3)
        assert SECRET not in repr(made)
    assert api.asked[0].path == "/v4/games/webhooks/"
    assert api.asked[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert f"secret={SECRET}" in api.asked[0].body


async def test_no_error_shows_the_secret(api: Any, client: IgdbClient) -> None:
    api.then(status=400, body=[{"title": "Invalid", "cause": f"secret={SECRET}"}])
    with pytest.raises(QueryError) as refused:
        await register(client, "games", "update", url="https://e.example", secret=SECRET)
    api.then(body={"secret": SECRET})
    with pytest.raises(ReplyError) as odd:
        await register(client, "games", "update", url="https://e.example", secret=SECRET)
    for error in (refused.value, odd.value):
        assert SECRET not in f"{error}{error!r}{vars(error)}"


@pytest.mark.parametrize("body", [{"id": 1}, [{"id": 1}], "text", [HOOK, None]])
async def test_another_shape_is_an_error(api: Any, client: IgdbClient, body: Any) -> None:
    api.then(body=body)
    with pytest.raises(ApiError):
        await webhooks(client)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from apiclient.errors import ApiError, ServerError, TransientError
from apiclient.retry import Backoff, retry, retry_after_seconds
from igdb.errors import QueryError, SlowQueryError


@pytest.mark.parametrize("attempt", range(1, 12))
def test_waits_grow_to_the_cap_and_are_jittered(attempt: int) -> None:
    waits = [Backoff(base=1, cap=60).wait(attempt) for _ in range(200)]
    full = min(60, 2 ** (attempt - 1))
    assert full / 2 <= min(waits)
    assert max(waits) <= full
    assert max(waits) - min(waits) > full / 10


def test_a_longer_retry_after_is_honoured_up_to_five_minutes() -> None:
    assert Backoff().wait(1, retry_after=42) == 42
    assert Backoff(base=100, cap=100).wait(1, retry_after=2) >= 50
    assert Backoff().wait(1, retry_after=86_400) == 300


def test_retry_after_as_seconds_as_date_and_as_nonsense() -> None:
    assert retry_after_seconds("7") == 7
    assert retry_after_seconds(None) is None
    for nonsense in ("soon", "²", "1e9", f"Sat, 21 Nov 2026 10:00:00 +{'9' * 18}"):
        assert retry_after_seconds(nonsense) is None
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after_seconds(date) == pytest.approx(100, abs=3)
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(("kind", "asked"), [(ServerError, 4), (SlowQueryError, 2), (QueryError, 1)])
async def test_how_often_an_error_is_asked_again(kind: type[ApiError], asked: int) -> None:
    times = 0
    waits: list[float] = []

    async def ask() -> None:
        nonlocal times
        times += 1
        raise kind("no", endpoint="games")

    def before_wait(_error: TransientError, wait: float) -> None:
        waits.append(wait)

    with pytest.raises(kind):
        await retry(ask, max_attempts=4, backoff=Backoff(base=0.001), before_wait=before_wait)
    assert times == asked
    assert len(waits) == asked - 1


async def test_a_function_that_returns_a_coroutine_is_awaited() -> None:
    async def answer() -> int:
        return 7

    assert await retry(lambda: answer(), max_attempts=2, backoff=Backoff(base=0.001)) == 7  # noqa: PLW0108 - the point of it


async def test_what_was_given_up_on_the_way_is_not_asked_for_again() -> None:
    times = 0

    async def ask() -> None:
        nonlocal times
        times += 1
        raise ServerError("no", endpoint="token")

    async def ask_for_both() -> None:
        await retry(ask, max_attempts=3, backoff=Backoff(base=0.001))

    with pytest.raises(ServerError):
        await retry(ask_for_both, max_attempts=3, backoff=Backoff(base=0.001))
    assert times == 3

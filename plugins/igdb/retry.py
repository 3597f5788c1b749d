"""Asking again: which errors, how often, and after how long."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from igdb.errors import SlowQuery, TokenError, TransientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

# A server that asks for a longer wait is asked again after this; Airflow's own retry is the tool for more.
_LONGEST_RETRY_AFTER = 300.0
# The first try may have met a cold cache; a third one of the same query would only cost the source the same again.
_SLOW_QUERY_ATTEMPTS = 2
# Each attempt mints up to two tokens, and IGDB keeps 25 for all programs that share a client id.
_TOKEN_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `base` seconds, doubled each time up to `cap`, each shortened at random by up to a half.

    The randomness keeps clients that failed together from coming back together.
    """

    base: float = 1.0
    cap: float = 60.0

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the `attempt`-th failure (from 1); a server's Retry-After wins when it is longer."""
        grown = min(self.cap, self.base * 2.0 ** (attempt - 1))
        jittered = grown * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(jittered, min(retry_after or 0.0, _LONGEST_RETRY_AFTER))


def _do_nothing(_error: TransientError, _wait: float) -> None:
    return


async def retry(
    ask: Callable[[], Awaitable[_Answer]],
    *,
    max_attempts: int,
    backoff: Backoff,
    before_wait: Callable[[TransientError, float], None] = _do_nothing,
) -> _Answer:
    """What `ask` returns, asked again after each TransientError, `max_attempts` times in all; other errors pass.

    `before_wait` gets the error and the seconds of each wait. The last error is raised as it came, and marked as given
    up; one that `ask` has given up on itself passes at once.
    """
    attempt = 1
    while True:
        try:
            return await ask()
        except TransientError as error:
            limit = min(max_attempts, _limit(error, max_attempts))
            if error.given_up or attempt >= limit:
                error.given_up = True
                raise
            wait = backoff.wait(attempt, error.retry_after)
            log.warning(
                "IGDB %s: %s (%s), attempt %d of %d; again in %.1f s",
                error.endpoint,
                type(error).__name__,
                error.what,
                attempt,
                limit,
                wait,
            )
            before_wait(error, wait)
        attempt += 1
        await asyncio.sleep(wait)


def _limit(error: TransientError, otherwise: int) -> int:
    if isinstance(error, SlowQuery):
        return _SLOW_QUERY_ATTEMPTS
    return _TOKEN_ATTEMPTS if isinstance(error, TokenError) else otherwise


def retry_after_seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header, which holds seconds or a date; None without one, or if it is neither."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())

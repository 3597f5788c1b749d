"""Retries: which errors, how often, and after how long."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from tenacity import AsyncRetrying

from apiclient.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

# The longest wait that a server can ask for; Airflow's own retries wait longer.
_LONGEST_RETRY_AFTER = 300.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `base` seconds, doubled each time up to `cap`, each shortened at random by up to a half.

    The randomness keeps clients that failed together from coming back together.
    """

    base: float = 1.0
    cap: float = 60.0

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after the `attempt`-th failure (from 1): at least a server's Retry-After."""
        grown = min(self.cap, self.base * 2.0 ** (attempt - 1))
        jittered = grown * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(jittered, min(retry_after or 0.0, _LONGEST_RETRY_AFTER))


def _do_nothing(_error: TransientError, _wait: float) -> None:
    return


async def retry(
    ask: Callable[[], Awaitable[_Result]],
    *,
    max_attempts: int,
    backoff: Backoff,
    before_wait: Callable[[TransientError, float], None] = _do_nothing,
) -> _Result:
    """Call `ask` until it returns, or until its TransientErrors use up all attempts.

    Args:
        ask: what to call. Other errors than TransientError are raised at once, and so is one that is given up.
        max_attempts: the most calls; an error's own `max_attempts` lowers it.
        backoff: how long to wait between two calls.
        before_wait: gets the error and the seconds of each wait.

    Returns:
        What `ask` returned.

    Raises:
        TransientError: the last one as it came, marked as given up.
    """

    def attempts(error: TransientError) -> int:
        return min(max_attempts, error.max_attempts or max_attempts)

    def stop(state: RetryCallState) -> bool:
        error = _error(state)
        error.given_up = state.attempt_number >= attempts(error)
        return error.given_up

    def before_sleep(state: RetryCallState) -> None:
        error, wait = _error(state), state.upcoming_sleep
        log.warning(
            "%s %s: %s (%s), attempt %d of %d; again in %.1f s",
            error.api, error.endpoint, type(error).__name__, error.what, state.attempt_number, attempts(error), wait,
        )  # fmt: skip
        before_wait(error, wait)

    # A lambda that returns a coroutine is no coroutine function: tenacity would not await it.
    async def call() -> _Result:
        return await ask()

    retrying = AsyncRetrying(
        retry=_is_retried,
        stop=stop,
        wait=lambda state: backoff.wait(state.attempt_number, _error(state).retry_after),
        before_sleep=before_sleep,
        reraise=True,
    )
    return await retrying(call)


def _is_retried(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return isinstance(error, TransientError) and not error.given_up


def _error(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TransientError):
        raise TypeError(f"found {error!r}, expected a TransientError: no other error is retried")
    return error


def retry_after_seconds(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, given as seconds or a date; None without a valid one."""
    if header is None:
        return None
    if header.isascii() and header.strip().isdigit():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())

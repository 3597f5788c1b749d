"""Space out requests: the server sees at most `requests_per_second` starts in any one second."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# The jitter of the network that is allowed before five requests arrive within one second.
_JITTER_MARGIN = 1.05


class Turn:
    """The right to send one request. It ends when the request is on its way, or has failed: call `end` then."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end: Callable[[], None] | None = on_end

    def end(self) -> None:
        """Count the next start from now: the request was sent, or never will be. Later calls do nothing."""
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()


class Pacer:
    """Gives out turns, one at a time, evenly spaced by 1.05 / `requests_per_second`.

    Turns are even because the server's window is unknown, and two tasks may share it. Two bursts of 4 next to each
    other are 8 starts in a second; even starts are 4 in every second. A new Pacer waits one spacing before its first
    turn for the same reason: the task before may have just sent its last request.

    A turn lasts until the request is sent. Opening a connection takes a while (DNS, TLS), and the next request, on an
    open connection, would arrive right behind it.
    """

    def __init__(
        self,
        requests_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.spacing = _JITTER_MARGIN / requests_per_second
        self._clock = clock
        self._sleep = sleep
        self._not_before = clock() + self.spacing
        self._one_at_a_time = asyncio.Lock()

    async def turn(self) -> Turn:
        """Wait for the next turn. The caller must call its `end`, also when the request fails."""
        await self._one_at_a_time.acquire()
        try:
            # A loop, because a pause may come while this sleeps.
            while (wait := self._not_before - self._clock()) > 0:
                await self._sleep(wait)
        except BaseException:
            self._one_at_a_time.release()
            raise
        return Turn(self._end_turn)

    def pause(self, seconds: float) -> None:
        """Give no turn for this many seconds: after a 429, which applies to the client and not to one request."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    def _end_turn(self) -> None:
        self.pause(self.spacing)
        self._one_at_a_time.release()

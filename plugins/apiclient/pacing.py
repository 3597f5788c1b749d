"""When a request may start: never more than `requests_per_second` in any one second, as the server counts them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# What the network may add between two requests before five of them fall into one second of the server.
_JITTER_MARGIN = 1.05


class Turn:
    """The right to send one request. It ends when the request is on its way, or has failed: call `sent` then."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end: Callable[[], None] | None = end

    def sent(self) -> None:
        """Count the next start from now: the request was sent, or never will be. Later calls do nothing."""
        if self._end is not None:
            end, self._end = self._end, None
            end()


class Pacer:
    """Gives out turns, one at a time, evenly spaced by 1.05 / `requests_per_second`.

    Why evenly, when a burst of 4 and a pause of a second has the same mean: the server's window is not known, and a
    task that ends shares it with the one that begins. Two bursts next to each other are 8 starts in a second; even
    starts are 4 in every second, wherever the window lies. A new Pacer waits one spacing before its first turn for the
    same reason: the last start of the task before may have been just now.

    Why a turn lasts until the request is sent: opening a connection takes a while (DNS, TLS), and then the next
    request, on a connection that is already open, would arrive right behind it. What counts is the time of sending.
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
        """Wait for the next turn. The caller must end it with `sent`, also when the request fails."""
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
        """No turn for this many seconds: the answer to a 429, which concerns the client and not one request."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    def _end_turn(self) -> None:
        self.pause(self.spacing)
        self._one_at_a_time.release()

"""IGDB's two limits: starts of requests within a sliding second, and requests open at once."""

from __future__ import annotations

from collections import deque

from sandbox.igdb.errors import SandboxError

REQUESTS_PER_SECOND = 4.0
MAX_OPEN_REQUESTS = 8
"""What IGDB allows a client."""


class Limiter:
    """Admits requests; `requests_per_second` or `max_open_requests` None means no such limit.

    The window slides: no second has more admitted arrivals than the limit. Refused arrivals do not count.
    A rate below 1 is one request in a longer window.
    """

    def __init__(self, requests_per_second: float | None, max_open_requests: int | None) -> None:
        if requests_per_second is not None and requests_per_second <= 0:
            raise SandboxError(f"requests_per_second: found {requests_per_second}, expected more than 0, or None")
        if max_open_requests is not None and max_open_requests < 1:
            raise SandboxError(f"max_open_requests: found {max_open_requests}, expected 1 or more, or None")
        self.open = 0
        self._max_open = max_open_requests
        self._arrivals: deque[float] | None = None
        if requests_per_second is not None:
            count = max(1, int(requests_per_second))
            self._window = count / requests_per_second
            self._arrivals = deque(maxlen=count)

    def admit(self, now: float) -> bool:
        """Return whether a request that arrives now (seconds of any steady clock) may open; then `release` ends it."""
        if self._max_open is not None and self.open >= self._max_open:
            return False
        if self._arrivals is not None:
            full = len(self._arrivals) == self._arrivals.maxlen
            if full and now - self._arrivals[0] < self._window:
                return False
            self._arrivals.append(now)
        self.open += 1
        return True

    def release(self) -> None:
        """Count the end of an admitted request."""
        self.open -= 1

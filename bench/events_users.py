"""Locust's users of bench/events.py: mostly updates, some deletes and batches, and requests that have to be refused."""

from __future__ import annotations

import os
import random
from itertools import count

from locust import FastHttpUser, between, task

IGDB = {"X-Secret": os.environ["SECRET"]}
SHOP = {"X-Secret": os.environ["SHOP_SECRET"]}
_numbers = count(1)


class Sender(FastHttpUser):
    """A sender that waits a moment between its requests."""

    wait_time = between(0.0, 0.02)

    @task(80)
    def update(self) -> None:
        """Send a row."""
        row = {"id": next(_numbers), "name": "A game", "summary": "x" * random.randint(0, 2000)}  # noqa: S311
        self._expect(200, "/igdb/games/update", row, IGDB)

    @task(5)
    def delete(self) -> None:
        """Send a delete."""
        self._expect(200, "/igdb/games/delete", {"id": str(next(_numbers))}, IGDB)

    @task(5)
    def batch(self) -> None:
        """Send events of a shop."""
        events = [
            {"id": f"order-{number}", "type": "order_placed",
             "data": {"order_id": number, "lines": [{"game_id": 1942, "quantity": 1}]}}
            for number in (next(_numbers) for _ in range(random.randint(1, 100)))  # noqa: S311
        ]  # fmt: skip
        self._expect(200, "/v1/events", events, SHOP)

    @task(5)
    def stranger(self) -> None:
        """Send a wrong secret."""
        self._expect(401, "/igdb/games/update", {"id": 1}, {"X-Secret": "a wrong secret"})

    @task(5)
    def hostile(self) -> None:
        """Send something that is no row."""
        self._expect(422, "/igdb/games/update", [[[]]], IGDB)

    def _expect(self, status: int, path: str, body: object, headers: dict[str, str]) -> None:
        with self.client.post(path, json=body, headers=headers, name=f"{path} {status}", catch_response=True) as reply:
            if reply.status_code == status:
                reply.success()
            else:
                reply.failure(f"status {reply.status_code}")

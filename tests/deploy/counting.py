"""Recorded requests, as gamelake.codegen.cost counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.deploy.recording import Recording


def made(recording: Recording) -> tuple[int, int]:
    """Writes and reads, as AWS prices them; deletions are free."""
    requests = dict(recording.requests)
    requests.pop("DELETE object", None)
    writes = sum(n for what, n in requests.items() if what.startswith(("PUT", "POST")) or what == "GET list-type")
    return writes, sum(requests.values()) - writes

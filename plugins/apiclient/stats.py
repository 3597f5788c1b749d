"""The figures of a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ClientStats:
    """The figures of a client so far.

    `requests` counts every request sent, `retries` those that repeat another, `bytes` the decompressed replies, and
    `seconds` runs from the client's opening to its latest reply.
    """

    requests: int = 0
    retries: int = 0
    bytes: int = 0
    seconds: float = 0.0

"""What the drills share."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True, scope="session")
def only_our_log() -> None:
    """Leave the servers' lines out of the log of the drills."""
    for noisy in ("httpx", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""Fixtures of the tests of sources: a lake on disk."""

from tests.gamelake.load.conftest import scratch, store  # noqa: F401

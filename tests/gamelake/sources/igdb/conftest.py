"""The fixtures of the tests of loads: a small sandbox, clients for it, and a lake on disk."""

from tests.gamelake.load.conftest import client, sandbox, scratch, served, store  # noqa: F401

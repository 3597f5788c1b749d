"""The scripted API of the tests of the client."""

from tests.plugins.igdb.conftest import api  # noqa: F401

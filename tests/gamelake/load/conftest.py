"""Fixtures of the tests of loads: a small sandbox, clients for it, and a lake on disk.

A module that wants another sandbox has a `served` of its own.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from tests.gamelake.load.running import new_client, small_sandbox, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from igdb.client import IgdbClient
    from sandbox.igdb import Sandbox


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed load leaves on its worker's disk goes with the test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """A sandbox of 1,100 games, and its URL."""
    with small_sandbox() as served:
        yield served


@pytest.fixture
def sandbox(served: tuple[Sandbox, str]) -> Sandbox:
    """The sandbox."""
    return served[0]


@pytest.fixture
def client(served: tuple[Sandbox, str]) -> Callable[[], IgdbClient]:
    """Makes clients, all with one token."""
    token = token_of(served[0])
    return lambda: new_client(served[1], token)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A lake on disk."""
    return open_store((tmp_path / "lake").as_uri())

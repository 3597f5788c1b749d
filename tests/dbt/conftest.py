"""Lakes, and one dbt for all tests: parsing the project takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake below a folder that a reader could take for a column."""
    return Lake(tmp_path / "env=prod" / "lake")


@pytest.fixture(scope="session")
def make_lake(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Lake]:
    """`make_lake(day)`: an empty lake for tests that share one."""
    return lambda day: Lake(tmp_path_factory.mktemp("lake"), day)

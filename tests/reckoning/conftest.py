"""One dbt for the reckoning, and the worlds that are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.dbt import Dbt

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")

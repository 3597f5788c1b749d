"""Loads leave their scratch files in the folder of the test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_scratch(scratch: None) -> None:
    """Use `scratch` in every test of this folder."""

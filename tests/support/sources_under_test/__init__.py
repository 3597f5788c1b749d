"""The sources that pass the conformance suite: a module for each source of the registry.

Each has `UNDER_TEST`, the ways in which its source runs, by their names.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import pytest

    from tests.support.sources_under_test.base import SourceUnderTest

    Running = Callable[[pytest.FixtureRequest], AbstractContextManager[SourceUnderTest]]

SOURCES = tuple(module.name for module in iter_modules(__path__) if module.name != "base")
"""Their names in the registry."""


def under_test() -> Mapping[str, Running]:
    """Every source in every way."""
    return {way: run for name in SOURCES for way, run in import_module(f"{__name__}.{name}").UNDER_TEST.items()}

"""What `make run ALLOW_SHRINK=games,covers` lets through: params of single loads, by entity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gamelake.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Collection

ALL = "all"


class NotAnEntity(RuntimeError):
    """A variable names what is no entity."""


def params() -> dict[str, dict[str, bool]]:
    """By entity, the params that `ALLOW_SHRINK` and `ALLOW_UNPROVEN` ask for. Raises: NotAnEntity."""
    given = {
        "allow_shrink": _entities("ALLOW_SHRINK", os.environ.get("ALLOW_SHRINK", "")),
        "allow_unproven": _entities("ALLOW_UNPROVEN", os.environ.get("ALLOW_UNPROVEN", "")),
    }
    return {name: {param: True for param, names in given.items() if name in names} for name in load_registry()}


def _entities(variable: str, value: str) -> Collection[str]:
    names = {name.strip() for name in value.split(",") if name.strip()}
    known = set(load_registry())
    if unknown := sorted(names - known - {ALL}):
        expected = f"{ALL}, or entities separated by commas: {', '.join(sorted(known))}"
        raise NotAnEntity(f"{variable}: found {', '.join(unknown)}, expected {expected}")
    return known if ALL in names else names

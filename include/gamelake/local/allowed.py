"""The params of single loads that `make run ALLOW_SHRINK=igdb.games,igdb.covers` sets, by table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.registry import load_entities
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Collection

ALL = "all"


class UnknownTableError(RuntimeError):
    """A variable names no table."""


def params() -> dict[str, dict[str, bool]]:
    """Return the params that `ALLOW_SHRINK` and `ALLOW_UNPROVEN` set, by table. Raises: UnknownTableError."""
    settings = read_settings()
    allowed = {
        "allow_shrink": _tables("ALLOW_SHRINK", settings.allow_shrink),
        "allow_unproven": _tables("ALLOW_UNPROVEN", settings.allow_unproven),
    }
    return {name: {param: True for param, names in allowed.items() if name in names} for name in _known()}


def _tables(variable: str, value: str) -> Collection[str]:
    names = {name.strip() for name in value.split(",") if name.strip()}
    known = set(_known())
    if unknown := sorted(names - known - {ALL}):
        expected = f"{ALL}, or tables separated by commas: {', '.join(sorted(known))}"
        raise UnknownTableError(f"{variable}: found {', '.join(unknown)}, expected {expected}")
    return known if ALL in names else names


def _known() -> list[str]:
    return [str(entity) for entity in load_entities() if entity.has_load]

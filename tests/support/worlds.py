"""What tests ask of a world of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.days import bounds_of

if TYPE_CHECKING:
    from datetime import date

    from sandbox.igdb import World


def by_id(world: World, endpoint: str) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in world.rows(endpoint)}


def start_of(day: date) -> float:
    return bounds_of(day)[0].timestamp()

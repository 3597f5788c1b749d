"""What changed in a game, and of which loads that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from apps.dashboard.data.snapshot import Row, Snapshot

SHOWN = 60
"""The changes of a game that a page has, the newest ones."""
DERIVED = ("slug", "url", "tags", "status", "category", "collection", "franchise")
"""Fields that follow from others, or are IGDB's old names of them. The mart has them."""


def of_game(snapshot: Snapshot, game: int) -> list[Row]:
    """Return what changed in a game in the last 28 days, the newest first. Raises: StoreError."""
    if not snapshot.count("fct_game_changes"):
        return []
    query = """
        select game_name, day, change, field, field_name, before_value, after_value, added_names, removed_names
        from {fct_game_changes}
        where game_id = $game and not list_contains($without::varchar[], field)
        order by version desc, field_name
        limit $limit
    """
    return snapshot.rows(query, {"game": game, "without": list(DERIVED), "limit": SHOWN})


def deletion(snapshot: Snapshot, game: int) -> Row | None:
    """Return when a game was deleted, None if that is not known. Raises: StoreError."""
    found = of_game(snapshot, game)
    return found[0] if found and found[0]["change"] == "deleted" else None


def is_told(snapshot: Snapshot) -> bool:
    """Whether a generation has changes at all: one of an earlier version has none."""
    return snapshot.count("fct_game_change_steps") > 0


def since(snapshot: Snapshot) -> date | None:
    """Return the first day of which changes are known, None if there is none. Raises: StoreError."""
    query = "select min(day) as day from {fct_game_change_steps} where is_known"
    found: date | None = snapshot.rows(query)[0]["day"]
    return found


def unknown_days(snapshot: Snapshot) -> list[date]:
    """Return the loaded days after that one of which changes are not known. Raises: StoreError."""
    query = """
        select distinct day
        from {fct_game_change_steps}
        where not is_known and day > (select min(day) from {fct_game_change_steps} where is_known)
        order by day
    """
    return [row["day"] for row in snapshot.rows(query)]

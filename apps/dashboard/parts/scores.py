"""A list's figure, and the sentence that explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.dashboard.data.reasons import parts_of
from apps.dashboard.parts import html

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View
    from gamelake.marts.lists import GameList


def figure(view: View, chosen: GameList, row: Row) -> str:
    """Return the figure that a list is ordered by, as HTML."""
    t, value = view.texts, row[chosen.figure]
    if chosen.unit == "date":
        shown = t.date(value)
    elif chosen.unit == "gained_users":
        shown = t.signed(value)
    else:
        shown = t.rating(value) if chosen.is_share_of_100 else t.number(value)
    return html.figure(shown, t(f"unit.{chosen.unit}"), value if chosen.is_share_of_100 else None)


def why(view: View, chosen: GameList, row: Row) -> str:
    """Return why a game is in a list, as HTML."""
    t = view.texts
    sentences = [
        t(f"reason.{chosen.key}.{part}", **{name: t.value(name, value) for name, value in values.items()})
        for part, values in parts_of(chosen.key, row)
    ]
    return html.explanation(view, sentences)

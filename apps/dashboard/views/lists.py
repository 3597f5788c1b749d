"""One list of games: filters, order, reasons and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.dashboard.data import lists
from apps.dashboard.parts import choices, downloads, html, market, scores, states
from gamelake.marts.lists import LISTS, RESTRICTED_LISTS

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

WIDTH = 160
"""Pixels of a filter: two of them fit side by side on a phone."""
WIDE = 260
"""Pixels of a filter that has a choice: the chosen name can be read."""


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    available = lists.available(view.snapshot)
    picked = choices.pick_one(
        st.pills,
        t("filter.list"),
        list(available),
        key="list",
        default=_first_with_rows(view),
        words=lambda key: t(f"list.{key}"),
        required=True,
        label_visibility="collapsed",
    )
    chosen = available[picked]
    html.heading(t(f"list.{chosen.key}"), t(f"about.{chosen.key}"))
    if chosen in RESTRICTED_LISTS:
        market.credit(view)
    html.folded(t("score.title"), t(f"score.{chosen.key}"))
    rows = lists.rows_of(view.snapshot, chosen)
    if not rows:
        html.note(states.empty_list(view, chosen))
        return
    with st.container(horizontal=True):
        shown = lists.matching(rows, _filters(view, rows))
        shown = lists.ordered(shown, _sort(view))
    count = t("lists.shown", shown=t.number(len(shown)), all=t.number(len(rows)))
    downloads.buttons(view, count, chosen.mart, "game_id", shown, without=("theme_names",))
    if not shown:
        html.note(t("empty.filtered"))
        return
    figures = [scores.figure(view, chosen, row) for row in shown]
    html.games(view, shown, figures, [scores.why(view, chosen, row) for row in shown])


def _first_with_rows(view: View) -> str:
    """Return the list to begin with: in the first week the lists of changes are empty."""
    return next((each.key for each in LISTS if view.snapshot.count(each.mart)), LISTS[0].key)


def _filters(view: View, rows: list[Row]) -> dict[str, list[Any]]:
    """Draw the filters and return what is chosen. The values come from the rows of this list."""
    t = view.texts
    return {
        name: choices.pick_many(
            st.multiselect,
            t(f"filter.{name}"),
            lists.choices(rows, name),
            key=name,
            keeps=True,
            placeholder=t("filter.any"),
            width=WIDE if st.query_params.get_all(name) or st.session_state.get(name) else WIDTH,
        )
        for name in lists.FILTERS
    }


def _sort(view: View) -> str:
    t = view.texts
    chosen = choices.pick_one(
        st.selectbox,
        t("filter.sort"),
        list(lists.SORTS),
        key="sort",
        default=lists.SORTS[0],
        words=lambda sort: t(f"sort.{sort}"),
        width=WIDTH,
    )
    return str(chosen)

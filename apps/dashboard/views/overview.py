"""The headline figures, and what is new at the top of each list."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import overview
from apps.dashboard.parts import html, scores, states
from gamelake.marts.lists import tops

if TYPE_CHECKING:
    from apps.dashboard.parts.view import View
    from gamelake.marts.lists import Top


def show(view: View) -> None:
    """Draw the page."""
    html.headlines(view, overview.headlines(view.snapshot))
    html.heading(view.texts("overview.tops"))
    cards = "".join(_card(view, each) for each in tops(view.snapshot.rows))
    st.html(f'<div class="gl-tops">{cards}</div>')


def _card(view: View, top: Top) -> str:
    t, key = view.texts, top.chosen.key
    title = f"<h3>{html.link(view.link('lists', list=key), escape(t(f'list.{key}')))}</h3>"
    if top.first is None:
        reason = escape(states.empty_list(view, top.chosen))
        return f'<section class="gl-card">{title}<div class="gl-meta">{reason}</div></section>'
    row = top.first
    figure = scores.figure(view, top.chosen, row)
    return (
        f'<section class="gl-card">{title}<div class="gl-first">{html.cover(view, row, "gl-large")}'
        f'<div>{html.game_link(view, row)}<div class="gl-meta">{html.meta(row)}</div>{figure}</div></div>'
        f"{_mover(view, top)}</section>"
    )


def _mover(view: View, top: Top) -> str:
    """Return what is new in the top of a list; nothing if there is no day before."""
    t, first, mover = view.texts, top.first, top.mover
    if first is None or first["previous_day"] is None:
        return ""
    if mover is None:
        words = escape(t("overview.no_mover"))
    else:
        text = "overview.mover_up" if mover["rank_change"] else "overview.mover_new"
        # The link takes the place of the name once the words are escaped.
        name = html.game_link(view, mover, "")
        words = escape(t(text, name="\0", places=mover["rank_change"])).replace("\0", name)
    return f'<div class="gl-mover">{words}</div>'

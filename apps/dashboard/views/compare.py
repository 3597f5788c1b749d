"""Two to five games side by side."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import games, lists, search
from apps.dashboard.parts import charts, choices, html
from apps.dashboard.views.game import chart_choice
from gamelake.marts.lists import BY_KEY

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

LEAST, MOST = 2, 5


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    found = [games.facts(view.snapshot, each) for each in choices.ids("games", MOST)]
    rows = [row for row in found if row is not None]
    _add(view, [row["game_id"] for row in rows])
    if not rows:
        _start(view)
        return
    _table(view, rows)
    if len(rows) < LEAST:
        html.note(t("compare.few", count=LEAST - len(rows)))
        return
    _chart(view, rows)


def _add(view: View, chosen: list[int]) -> None:
    """Draw the search for one more game; each result is a link to the page with it."""
    t = view.texts
    if len(chosen) >= MOST:
        html.note(t("compare.full"))
        return
    text = st.text_input(t("compare.add"), key="add", placeholder=t("game.placeholder"), max_chars=search.LONGEST)
    if not text or not text.strip():
        return
    hits = search.find(view.snapshot, text)
    found = [row for row in search.cards(view.snapshot, hits) if row["game_id"] not in chosen]
    if not found:
        html.note(t("empty.search"))
        return
    html.heading(t("compare.choose"), t.cut(len(hits), search.LIMIT), level=3)
    for row in found:
        ids = ",".join(map(str, [*chosen, row["game_id"]]))
        add = html.link(view.link("compare", games=ids), html.text(html.name_of(view, row)))
        st.html(f'{add} <span class="gl-meta">{html.meta(row)}</span>')


def _start(view: View) -> None:
    rows = lists.rows_of(view.snapshot, BY_KEY["played"])[:LEAST]
    html.note(view.texts("compare.few", count=LEAST))
    if len(rows) == LEAST:
        address = view.link("compare", games=",".join(str(row["game_id"]) for row in rows))
        st.html(html.link(address, escape(view.texts("compare.start"))))


def _table(view: View, rows: list[Row]) -> None:
    t = view.texts

    def head(row: Row) -> str:
        others = ",".join(str(each["game_id"]) for each in rows if each is not row)
        address = view.link("compare", games=others) if others else view.link("compare")
        remove = html.link(address, escape(t("compare.remove")))
        return f'{html.cover(view, row, "gl-large")}{html.game_link(view, row)}<span class="gl-meta">{remove}</span>'

    names: list[tuple[str, list[str]]] = [
        (t("game.release"), [html.first_release(view, row) for row in rows]),
        (t("game.platforms"), [html.names(row["platform_abbreviations"]) for row in rows]),
        (t("game.genres"), [html.names(row["genre_names"]) for row in rows]),
        (t("game.themes"), [html.names(row["theme_names"]) for row in rows]),
        (t("role.developer"), [html.names(row["developer_names"]) for row in rows]),
        (t("game.rating_critics"), [t.rating(row["aggregated_rating"]) for row in rows]),
        (t("game.rating_users"), [t.rating(row["rating"]) for row in rows]),
        *((t(f"figure.{name}"), [t.number(row[name]) for row in rows]) for name in games.FIGURES),
        (t("game.positive"), [t.percent(row["positive_share"]) for row in rows]),
    ]
    body = [[escape(name), *cells] for name, cells in names]
    heads = [escape(t("compare.figure")), *map(head, rows)]
    html.table(heads, body, caption=t("nav.compare"), texts_first=1 + len(rows), kind="gl-even")


def _chart(view: View, rows: list[Row]) -> None:
    t = view.texts
    html.heading(t("game.popularity"))
    figure, span = chart_choice(view)
    names = charts.labels({row["game_id"]: html.name_of(view, row) for row in rows})
    points = games.popularity(view.snapshot, list(names), span)
    if not any(point[figure] is not None for point in points):
        html.note(t("empty.no_figure" if points else "empty.history"))
        return
    named = [{"day": point["day"], "name": names[point["game_id"]], "value": point[figure]} for point in points]
    charts.lines(named, x=("day", t("game.day")), y=("value", t(f"figure.{figure}")), color=("name", t("nav.game")))

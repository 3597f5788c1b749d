"""One game, and the search for one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import games, lists, search
from apps.dashboard.parts import changes, charts, choices, html, market
from gamelake.marts.lists import BY_KEY

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

SUGGESTIONS = 8
STEAM = "store.steampowered.com"


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    text = st.text_input(
        t("game.search"), key="q", bind="query-params", placeholder=t("game.placeholder"), max_chars=search.LONGEST
    )
    game = next(iter(choices.ids("id")), None)
    if text and text.strip():
        _results(view, text)
        if game is None:
            return
    if game is None:
        _suggestions(view)
        return
    found = games.facts(view.snapshot, game)
    if found is None:
        html.note(changes.deletion(view, game) or t("empty.no_game"))
        return
    _hero(view, found)
    _facts(view, found)
    if (compared := games.market(view.snapshot, game)) is not None:
        market.show(view, compared)
    _releases(view, found)
    _popularity(view, found)
    _ranks(view, found)
    changes.show(view, game)
    _relatives(view, found)


def _results(view: View, text: str) -> None:
    found = search.cards(view.snapshot, search.find(view.snapshot, text))
    html.heading(view.texts("game.results"), view.texts.cut(len(found), search.LIMIT))
    if found:
        html.games(view, found)
    else:
        html.note(view.texts("empty.search"))


def _suggestions(view: View) -> None:
    rows = lists.rows_of(view.snapshot, BY_KEY["played"])[:SUGGESTIONS]
    if rows:
        html.heading(view.texts("game.suggestions"))
        html.games(view, [{**row, "rank_change": row["rank_change"]} for row in rows])


def _hero(view: View, row: Row) -> None:
    t = view.texts
    summary = f"<p>{html.text(row['game_summary'], 900)}</p>" if row["game_summary"] else ""
    chips = html.names([*(row["genre_names"] or []), *(row["theme_names"] or [])])
    compare = html.link(view.link("compare", games=row["game_id"]), escape(t("game.compare")))
    st.html(
        f'<div class="gl-hero">{html.cover(view, row, "gl-huge")}<div>'
        f"<h2>{html.text(html.name_of(view, row), 300)}</h2>"
        f'<div class="gl-meta">{html.meta(row)}</div>{summary}<p>{chips}</p><p>{compare}</p></div></div>'
    )


def _facts(view: View, row: Row) -> None:
    t = view.texts
    html.heading(t("game.facts"), t("game.share"))

    def rating(value: str, count: str) -> str:
        if row[value] is None:
            return ""
        return escape(t("game.rating_value", rating=t.rating(row[value]), count=t.number(row[count])))

    made = [
        f"{html.link(view.link('companies', id=each['company_id']), html.text(each['company_name'] or ''))} "
        f"({escape(', '.join(t(f'role.{role}') for role in each['roles']))})"
        for each in games.companies(view.snapshot, row["game_id"])
    ]
    html.facts(
        [
            (t("game.release"), escape(html.first_release(view, row))),
            (t("game.kind"), html.text(row["game_type_name"] or "")),
            (t("game.status"), html.text(row["game_status_name"]) if row["game_status_name"] else ""),
            (t("game.companies"), "<br>".join(made)),
            (t("game.platforms"), html.names(row["platform_names"])),
            (t("game.modes"), html.names(row["game_mode_names"])),
            (t("game.perspectives"), html.names(row["perspective_names"])),
            (t("game.series"), html.names(row["collection_names"])),
            (t("game.franchises"), html.names(row["franchise_names"])),
            (t("game.rating_critics"), rating("aggregated_rating", "aggregated_rating_count")),
            (t("game.rating_users"), rating("rating", "rating_count")),
            (t("game.followers"), t.number(row["hypes"]) if row["hypes"] else ""),
            *((t(f"figure.{name}"), t.number(row[name]) if row[name] else "") for name in games.FIGURES),
            (t("game.positive"), t.percent(row["positive_share"]) if row["positive_share"] is not None else ""),
            (t("game.page"), html.outside(row["url"])),
            (t("game.steam"), html.outside(_steam(row), STEAM)),
        ]
    )


def _steam(row: Row) -> str | None:
    """Return the address of a game at Steam."""
    return f"https://{STEAM}/app/{row['steam_app_id']}/" if row["steam_app_id"] else None


def _releases(view: View, row: Row) -> None:
    t = view.texts
    found = games.releases(view.snapshot, row["game_id"], korea_first=t.language == "ko")
    if not found:
        return
    html.heading(t("game.releases"))
    body = [
        [
            escape(t(f"region.{each['region'] or 'unknown'}")),
            escape(t.date(each["date"], each["precision"], year=each["year"])),
            html.text(", ".join(each["platforms"] or []), 600),
        ]
        for each in found
    ]
    head = [t("game.region"), t("game.date"), t("game.platforms")]
    html.table(head, body, caption=t("game.releases"), texts_first=3, kind="gl-wraps")


def _popularity(view: View, row: Row) -> None:
    t = view.texts
    html.heading(t("game.popularity"))
    figure, span = chart_choice(view)
    points = games.popularity(view.snapshot, [row["game_id"]], span)
    if not any(point[figure] is not None for point in points):
        html.note(t("empty.no_figure" if points else "empty.history"))
        return
    charts.lines(points, x=("day", t("game.day")), y=(figure, t(f"figure.{figure}")))
    if missing := games.missing_days(view.snapshot, span):
        html.hint(t("game.gaps", days=t.number(len(missing))))


def chart_choice(view: View) -> tuple[str, int]:
    """Draw the choice of a figure and of a span, and return both."""
    t = view.texts
    left, right = st.columns(2)
    figure = choices.pick_one(
        left.selectbox,
        t("game.figure"),
        list(games.FIGURES),
        key="figure",
        default=games.FIGURES[0],
        words=lambda name: t(f"figure.{name}"),
    )
    span = choices.pick_one(
        right.selectbox,
        t("game.span"),
        list(games.SPANS),
        key="span",
        default=games.SPANS[0],
        words=lambda days: t("game.span_days", days=days),
    )
    return str(figure), int(span)


def _ranks(view: View, row: Row) -> None:
    t = view.texts
    html.heading(t("game.ranks"))
    held = games.ranks(view.snapshot, row["game_id"])
    if not held:
        html.note(t("empty.ranks"))
        return
    days = sorted({each["day"] for each in held})
    keys = [key for key in BY_KEY if any(each["list"] == key for each in held)]
    ranks = {(each["list"], each["day"]): each["rank"] for each in held}
    body = [
        [
            html.link(view.link("lists", list=key), escape(t(f"list.{key}"))),
            *(t.number(ranks.get((key, day))) for day in days),
        ]
        for key in keys
    ]
    html.table([t("filter.list"), *(t.date(day) for day in days)], body, caption=t("game.ranks"))


def _relatives(view: View, row: Row) -> None:
    found = [each["game_id"] for each in games.relatives(view.snapshot, row)]
    if found:
        html.heading(view.texts("game.relatives"))
        html.games(view, search.cards(view.snapshot, found))

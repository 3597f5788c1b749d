"""Genres, themes and platforms: now, over the weeks and over the years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import trends
from apps.dashboard.parts import charts, choices, html

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

BARS = 15
LINES = 5


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    category = choices.pick_one(
        st.segmented_control,
        t("trends.category"),
        list(trends.CATEGORIES),
        key="category",
        default=trends.CATEGORIES[0],
        words=lambda each: t(f"trends.{each}"),
        required=True,
        label_visibility="collapsed",
    )
    members = trends.members(view.snapshot, category)
    if not members:
        html.note(t("empty.trends"))
        return
    _now(view, members)
    names = choices.pick_many(
        st.multiselect,
        t("trends.names"),
        [row["name"] for row in members],
        key=category,
        default=[row["name"] for row in members[:LINES]],
        max_selections=LINES,
    )
    if names:
        _weeks(view, category, names)
        _years(view, category, names)
        _funnel(view, category, names)
    _cohorts(view)


def _now(view: View, members: list[Row]) -> None:
    t = view.texts
    html.heading(t("trends.now"), t("trends.now_help"))
    shown = [row for row in members if row["playing_users"]][:BARS]
    if shown:
        charts.bars(shown, name=("name", t("trends.name")), value=("playing_users", t("trends.users")))
    with st.expander(t("trends.table")):
        _table(view, members)


def _table(view: View, members: list[Row]) -> None:
    t = view.texts
    head = ["trends.name", "trends.games", "trends.users", "trends.gained", "trends.releases", "trends.before"]
    columns = ["games", "playing_users", "playing_gained_7d", "releases_52w", "releases_previous_52w"]
    body = [
        [
            html.text(row["name"]),
            *(t.signed(row[each]) if "gained" in each else t.number(row[each]) for each in columns),
        ]
        for row in members
    ]
    html.table([t(each) for each in head], body, caption=t("trends.now"))


def _weeks(view: View, category: str, names: list[str]) -> None:
    t = view.texts
    html.heading(t("trends.weeks"), t("trends.weeks_help"))
    points = trends.over_weeks(view.snapshot, category, names)
    days = {point["day"] for point in points if point["playing_users"] is not None}
    if not days:
        html.note(t("empty.history"))
        return
    charts.lines(
        points, x=("day", t("trends.week")), y=("playing_users", t("trends.users")), color=("name", t("trends.name"))
    )
    start = trends.start_of_history(view.snapshot)
    if start and len(days) < 2:
        html.hint(t("trends.weeks_start", day=t.date(start)))


def _years(view: View, category: str, names: list[str]) -> None:
    t = view.texts
    points = trends.over_years(view.snapshot, category, names)
    if points:
        html.heading(t("trends.years"), t("trends.years_help"))
        charts.lines(
            points,
            x=("release_year", t("trends.year")),
            y=("games", t("trends.games")),
            color=("name", t("trends.name")),
        )


def _funnel(view: View, category: str, names: list[str]) -> None:
    t = view.texts
    rows = trends.funnel(view.snapshot, category, names)
    if not rows:
        return
    html.heading(t("trends.funnel"), t("trends.funnel_help"))
    columns = ["visit_count", "want_to_play_users", "playing_users", "played_users"]
    body = [[html.text(row["name"]), *(t.number(row[each]) for each in columns)] for row in rows]
    html.table([t("trends.name"), *(t(f"figure.{each}") for each in columns)], body, caption=t("trends.funnel"))


def _cohorts(view: View) -> None:
    t = view.texts
    rows = trends.cohorts(view.snapshot)
    if not rows:
        return
    html.heading(t("trends.cohorts"), t("trends.cohorts_help"))
    body = [
        [
            t.date(row["release_month"], "month"),
            t.number(row["releases"]),
            *(
                t(
                    "trends.share",
                    share=t.percent(row[f"played_share_{span}d"]),
                    judged=t.number(row[f"judged_{span}d"]),
                )
                if row[f"judged_{span}d"]
                else t.percent(None)
                for span in trends.SPANS
            ),
        ]
        for row in rows
    ]
    head = [t("trends.month"), t("trends.games"), *(t("trends.after", days=span) for span in trends.SPANS)]
    html.table(head, body, caption=t("trends.cohorts"))

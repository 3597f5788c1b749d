"""Companies: the ranked ones, the search, and the games of one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import companies
from apps.dashboard.parts import choices, downloads, html

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

SHOWN = 100


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    text = st.text_input(t("companies.search"), key="q", bind="query-params", max_chars=80)
    company = next(iter(choices.ids("id")), None)
    if text and text.strip():
        _results(view, text)
    elif company is None:
        _ranking(view)
    if company is not None:
        _company(view, company)


def _name(view: View, row: Row) -> str:
    """Return a link to the page of a company, as HTML."""
    shown = str(row["display_name"] or "").strip() or view.texts("row.no_company", id=row["company_id"])
    return html.link(view.link("companies", id=row["company_id"]), html.text(shown))


def _results(view: View, text: str) -> None:
    t = view.texts
    found = companies.find(view.snapshot, text)
    html.heading(t("game.results"), t.cut(len(found), companies.FOUND))
    if not found:
        html.note(t("empty.search_company"))
        return
    head = [t(f"companies.{each}") for each in ("company", "developed", "published")]
    body = [[_name(view, row), t.number(row["developed_games"]), t.number(row["published_games"])] for row in found]
    html.table(head, body, caption=t("game.results"))


def _ranking(view: View) -> None:
    t = view.texts
    rows = companies.ranked(view.snapshot)
    html.heading(t("companies.ranking"), t("companies.ranking_help"))
    if not rows:
        html.note(t("empty.companies"))
        return
    shown = rows[:SHOWN]
    count = t("companies.count", shown=t.number(len(shown)), all=t.number(len(rows)))
    downloads.buttons(view, count, "mart_companies", "company_id", rows)
    head = [
        "game.rank",
        "companies.company",
        "companies.country",
        "companies.users",
        "companies.gained",
        "companies.games",
    ]
    head += ["companies.releases", "companies.rating"]
    body = [
        [
            f"{row['rank']} {html.change(view, row)}",
            _name(view, row),
            html.text(row["country_name"] or ""),
            t.number(row["playing_users"]),
            t.signed(row["playing_gained_7d"]),
            t.number(row["games"]),
            t.number(row["releases_52w"]),
            t.rating(row["mean_aggregated_rating"]),
        ]
        for row in shown
    ]
    html.table([t(each) for each in head], body, texts_first=3, caption=t("companies.ranking"))


def _company(view: View, company: int) -> None:
    t = view.texts
    row = companies.one(view.snapshot, company)
    if row is None:
        html.note(t("empty.no_company"))
        return
    name = str(row["company_name"] or "").strip() or t("row.no_company", id=company)
    html.heading(name)
    if row["company_description"]:
        st.html(f"<p>{html.text(row['company_description'], 900)}</p>")
    owner = html.text(row["parent_company_name"]) if row["parent_company_name"] else ""
    if owner and row["parent_company_id"]:
        owner = html.link(view.link("companies", id=row["parent_company_id"]), owner)
    html.facts(
        [
            (t("game.rank"), t.number(row["rank"]) if row["rank"] else ""),
            (t("companies.users"), t.number(row["playing_users"]) if row["playing_users"] else ""),
            (t("companies.gained"), t.signed(row["playing_gained_7d"]) if row["playing_gained_7d"] is not None else ""),
            (t("companies.developed"), t.number(row["developed_games"])),
            (t("companies.published"), t.number(row["published_games"])),
            (t("companies.releases"), t.number(row["releases_52w"]) if row["releases_52w"] is not None else ""),
            (t("companies.rating"), t.rating(row["mean_aggregated_rating"]) if row["mean_aggregated_rating"] else ""),
            (t("companies.founded"), escape(t.date(row["start_date"], "year")) if row["start_date"] else ""),
            (t("companies.country"), escape(row["country_name"] or "")),
            (t("companies.parent"), owner),
            (t("game.page"), html.outside(row["url"])),
        ]
    )
    made = companies.games_of(view.snapshot, company)
    if made:
        count = t("companies.shown", shown=t.number(len(made)), all=t.number(made[0]["all_games"]))
        html.heading(t("companies.its_games"), count)
        unit = t("unit.users")
        users = [each["playing_users"] for each in made]
        html.games(view, made, [html.figure(t.number(each), unit) if each is not None else "" for each in users])
    st.html(html.link(view.link("companies"), escape(t("companies.all"))))

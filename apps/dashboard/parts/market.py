"""What IGDB and RAWG say of a game, side by side, and the link that RAWG's terms ask of a page that shows its data."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from apps.dashboard.parts import html

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

RAWG = "rawg.io"
METACRITIC = "www.metacritic.com"
STORES = {
    "steam": "store.steampowered.com",
    "xbox": "www.microsoft.com",
    "playstation": "store.playstation.com",
    "app_store": "apps.apple.com",
    "gog": "www.gog.com",
    "nintendo": "www.nintendo.com",
    "xbox_360": "marketplace.xbox.com",
    "google_play": "play.google.com",
    "itch": "itch.io",
    "epic": "www.epicgames.com",
}
"""The hosts that a link to a store may have."""
LISTS = ("owned", "playing", "beaten", "toplay", "dropped", "yet")


def show(view: View, row: Row) -> None:
    """Draw the ratings of both sources, and what only RAWG has. `row` is one of mart_market_overview."""
    t = view.texts
    html.heading(t("market.title"))
    critics, users = t("market.critics"), t("market.users")

    def of(rating: str, count: str | None = None, *, most: int = 100) -> str:
        if row[rating] is None:
            return "–"
        known = t("market.of", rating=t.rating(row[rating]), most=t.number(most))
        if count and row[count] is not None:
            known = t("market.counted", rating=known, count=t.number(row[count]))
        return escape(known)

    body = [
        [escape("IGDB"), of("aggregated_rating", "aggregated_rating_count"), of("rating", "rating_count")],
        [escape("RAWG"), "–", of("rawg_rating", "rawg_ratings_count", most=5)],
        [escape(t("market.metacritic")), of("metacritic"), "–"],
    ]
    html.table([t("market.source"), critics, users], body, caption=t("market.title"))
    stores = (html.outside(row[f"{name}_store_url"], host) for name, host in STORES.items())
    html.facts(
        [
            (
                t("market.playtime"),
                escape(t("market.hours", hours=t.number(row["playtime"]))) if row["playtime"] else "",
            ),
            (t("market.esrb"), html.text(row["esrb_rating"]) if row["esrb_rating"] else ""),
            (t("market.added"), t.number(row["added"]) if row["added"] else ""),
            *((t(f"market.{name}"), t.number(row[f"added_{name}"]) if row[f"added_{name}"] else "") for name in LISTS),
            (t("market.stores"), "<br>".join(filter(None, stores))),
            (t("market.metacritic"), html.outside(row["metacritic_url"], METACRITIC)),
        ]
    )
    credit(view, row["attribution_url"])


def credit(view: View, url: str | None = None) -> None:
    """Draw the credit that RAWG asks for: its name with an active link, to the page of a game if there is one."""
    to = html.outside(url, RAWG) or html.outside(f"https://{RAWG}/", RAWG)
    html.credit(view.texts("market.credit"), to)

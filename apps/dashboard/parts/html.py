"""Data as HTML: the one place where names and texts of the source are escaped, and games are drawn.

Streamlit reads its own texts as Markdown, so a name such as `**bold**` or `$$x$$` never goes through them.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from gamelake.marts.lists import is_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from apps.dashboard.data.overview import Headline
    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View

LONGEST = 120
"""Characters of a name that are shown; the whole name is the link's title, up to as many again."""
COVER = re.compile(r"https://images\.igdb\.com/igdb/image/upload/t_cover_big/[A-Za-z0-9_-]{1,64}\.jpg")
PLATFORMS = 4
COLORS = 6
"""Colours of placeholders, in style.css."""


def text(value: object, longest: int = LONGEST) -> str:
    """Return a value as HTML, in its own direction; what is too long ends with an ellipsis."""
    shown = " ".join(str(value).split())
    shown = f"{shown[:longest]}…" if len(shown) > longest else shown
    return f'<bdi dir="auto">{escape(shown)}</bdi>'


def name_of(view: View, row: Row) -> str:
    """Return the name of a game as plain text: its Korean title for Korean, its number if the name shows nothing."""
    korean = row["name_ko"] if view.texts.language == "ko" else None
    name = " ".join(str(korean or row["display_name"] or "").split())
    return (
        name
        if any(each.isprintable() and not each.isspace() for each in name)
        else view.texts("row.no_name", id=row["game_id"])
    )


def cover(view: View, row: Row, kind: str = "") -> str:
    """Return the cover of a game, or a placeholder with its first letters, which is also seen where the cover fails."""
    letters = "".join(word[0] for word in re.findall(r"\w+", name_of(view, row))[:2]).upper()
    url = row.get("cover_url")
    picture = f"background-image:url({url})" if view.has_covers and url and COVER.fullmatch(url) else ""
    return (
        f'<span class="gl-cover {kind} gl-tone-{row["game_id"] % COLORS}" aria-hidden="true">{escape(letters)}'
        f'<span style="{picture}"></span></span>'
    )


def address(path: str, parameters: Mapping[str, str | list[str]]) -> str:
    """Return a relative address with parameters, of which one may have several values."""
    return f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path


def link(to: str, label: str, kind: str = "") -> str:
    """Return a link inside of the dashboard. `label` is HTML."""
    return f'<a class="{kind}" href="{escape(to)}" target="_self">{label}</a>'


def game_link(view: View, row: Row, kind: str = "gl-name") -> str:
    """Return a link to the page of a game."""
    return link(view.link("game", id=row["game_id"]), text(name_of(view, row)), kind)


def change(view: View, row: Row) -> str:
    """Return how a row moved since the day before: a sign and a number, and words for a screen reader."""
    texts, places = view.texts, row["rank_change"]
    if is_new(row):
        return f'<span class="gl-change gl-new">{escape(texts("row.new"))}</span>'
    if places is None:
        return f'<span class="gl-change"><span class="gl-hidden">{escape(texts("row.first_day"))}</span></span>'
    kind, sign = ("up", "▲") if places > 0 else ("down", "▼") if places < 0 else ("same", "–")
    words = texts(f"row.{kind}", places=abs(places))
    shown = f"{sign}{abs(places) or ''}"
    return (
        f'<span class="gl-change gl-{kind}" title="{escape(words)}"><span aria-hidden="true">{shown}</span>'
        f'<span class="gl-hidden">{escape(words)}</span></span>'
    )


def first_release(view: View, row: Row) -> str:
    """Return the first release of a game as exactly as it is known: plain text."""
    return view.texts.date(row["first_release_date"], row["release_date_precision"], year=row["release_year"])


def meta(row: Row) -> str:
    """Return the line below a name: year, platforms and makers."""
    platforms = row["platform_abbreviations"] or []
    shown = ", ".join(platforms[:PLATFORMS]) + (f" +{len(platforms) - PLATFORMS}" if len(platforms) > PLATFORMS else "")
    makers = row.get("developer_names") or row.get("publisher_names") or []
    parts = [row["release_year"], shown, ", ".join(makers[:2])]
    return " · ".join(text(part, 60) for part in parts if part)


def games(view: View, rows: Sequence[Row], figures: Iterable[str] = (), whys: Iterable[str] = ()) -> None:
    """Draw a list of games: the one way in which games are listed.

    Args:
        view: What the page shows.
        rows: What to draw; ranks and changes are drawn where the rows have them.
        figures: For each row the HTML of its figure.
        whys: For each row the HTML of its explanation.
    """
    figures, whys = list(figures) or [""] * len(rows), list(whys) or [""] * len(rows)
    items = "".join(_game(view, row, figure, why) for row, figure, why in zip(rows, figures, whys, strict=True))
    st.html(f'<ol class="gl-games">{items}</ol>')


def _game(view: View, row: Row, figure: str, why: str) -> str:
    place = ""
    if "rank" in row:
        words = escape(view.texts("row.rank", rank=row["rank"]))
        rank = f'<span class="gl-rank" title="{words}">{row["rank"]}</span>'
        place = f'<span class="gl-place">{rank}{change(view, row)}</span>'
    return (
        f'<li class="gl-game">{place}{cover(view, row)}<div class="gl-main">{game_link(view, row)}'
        f'<div class="gl-meta">{meta(row)}</div>{why}</div><div class="gl-figure">{figure}</div></li>'
    )


def figure(value: str, unit: str, share: float | None = None) -> str:
    """Return a figure with its unit, and a bar if it is a share of 100."""
    bar = ""
    if share is not None:
        width = max(0, min(100, share))
        bar = f'<span class="gl-bar" aria-hidden="true"><span style="width:{width:.1f}%"></span></span>'
    return f'<span class="gl-value">{escape(value)}</span><span class="gl-unit">{escape(unit)}</span>{bar}'


def explanation(view: View, sentences: Sequence[str]) -> str:
    """Return the sentence that explains a score, with its parts, folded."""
    first, *rest = sentences
    parts = "".join(f"<li>{text(each, 300)}</li>" for each in rest)
    return (
        f'<details class="gl-why"><summary>{escape(view.texts("row.why"))}</summary>'
        f"<p>{text(first, 300)}</p>{f'<ul>{parts}</ul>' if parts else ''}</details>"
    )


def headlines(view: View, figures: Iterable[Headline]) -> None:
    """Draw the headline figures with their changes."""
    t, cards = view.texts, []
    for each in figures:
        changes = ""
        for key, before in (("day_before", each.day_before), ("week_before", each.week_before)):
            difference = None if before is None or each.value is None else each.value - before
            kind = "" if not difference else "gl-up" if difference > 0 else "gl-down"
            shown = f'<span class="{kind}">{escape(t.signed(difference))}</span> {escape(t(f"overview.{key}"))}'
            changes += (
                f'<div class="gl-delta">{shown if difference is not None else escape(t(f"overview.no_{key}"))}</div>'
            )
        title = escape(t(f"overview.{each.key}"))
        cards.append(
            f'<div class="gl-card"><div class="gl-label">{title}</div>'
            f'<div class="gl-big">{t.number(each.value)}</div>{changes}</div>'
        )
    st.html(f'<div class="gl-cards">{"".join(cards)}</div>')


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Draw facts: a term and HTML each; those without a value are left out."""
    items = "".join(f"<div><dt>{escape(term)}</dt><dd>{value}</dd></div>" for term, value in pairs if value)
    st.html(f'<dl class="gl-facts">{items}</dl>')


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, texts_first: int = 1, kind: str = ""
) -> None:
    """Draw a table. Its cells are HTML, those of its head too.

    Args:
        head: The names of the columns.
        rows: The cells of each row; the first one names the row.
        caption: What the table is, for a screen reader.
        texts_first: How many of the first columns are texts; the others are figures.
        kind: `gl-even` makes all columns equally wide, `gl-wraps` lets texts wrap, `gl-whole` lets only the head wrap.
    """
    names = "".join(
        f'<th scope="col" class="{"" if n < texts_first else "gl-number"}">{name}</th>' for n, name in enumerate(head)
    )
    body = "".join(f"<tr>{''.join(_cell(n, cell, texts_first) for n, cell in enumerate(row))}</tr>" for row in rows)
    # A table that is wider than a phone scrolls: with the keyboard too.
    st.html(
        f'<div class="gl-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="gl-table {kind}"><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(place: int, value: str, texts_first: int) -> str:
    if place == 0:
        return f'<th scope="row">{value}</th>'
    return f'<td class="{"" if place < texts_first else "gl-number"}">{value}</td>'


def heading(words: str, help_text: str = "", *, level: int = 2) -> None:
    """Draw a heading, with a line that explains what is below it. Both are plain text."""
    line = f'<p class="gl-help">{escape(help_text)}</p>' if help_text else ""
    st.html(f'<h{level} class="gl-h{level}">{text(words)}</h{level}>{line}')


def hint(words: str) -> None:
    """Draw a line of explanation: plain text."""
    st.html(f'<p class="gl-help">{escape(words)}</p>')


def credit(words: str, to: str) -> None:
    """Draw whose data it is: plain text, and a link, which is HTML."""
    st.html(f'<p class="gl-help">{escape(words)} {to}</p>')


def note(words: str) -> None:
    """Draw why there is nothing to see: plain text."""
    st.html(f'<p class="gl-note">{escape(words)}</p>')


def folded(title: str, words: str) -> None:
    """Draw an explanation that a click opens. Both are plain text."""
    st.html(f'<details class="gl-why"><summary>{escape(title)}</summary><p>{escape(words)}</p></details>')


def names(values: Iterable[Any] | None, *, longest: int = 12) -> str:
    """Return names as chips, as HTML."""
    values = list(values or [])
    more = f'<span class="gl-chip">+{len(values) - longest}</span>' if len(values) > longest else ""
    return "".join(f'<span class="gl-chip">{text(each, 60)}</span>' for each in values[:longest]) + more


def outside(url: str | None, host: str = "www.igdb.com") -> str:
    """Return a link to a page of a host, as HTML; an address of another host is no link."""
    if not url or not url.startswith(f"https://{host}/"):
        return ""
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{host}</a>'

"""The nights: whether each was complete, and what it took."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from apps.dashboard.data import nights
from apps.dashboard.parts import html
from apps.dashboard.texts import all_texts
from gamelake.days import KST
from gamelake.lake.documents import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apps.dashboard.data.nights import Night
    from apps.dashboard.parts.view import View

_Document = TypeVar("_Document")


def show(view: View) -> None:
    """Draw the page."""
    t = view.texts
    found = nights.nights(view.snapshot)
    if not found:
        html.note(t("empty.loads"))
        return
    wanted = st.query_params.get("night")
    chosen = next((each for each in found if each.day.isoformat() == wanted), found[0])
    html.heading(t("pipeline.strip"))
    _strip(view, found, chosen)
    title = t("pipeline.last") if chosen is found[0] else t("pipeline.choose")
    html.heading(f"{title}: {t.date(chosen.day)}")
    _night(view, chosen)
    if chosen.figures:
        html.heading(t("pipeline.per_table"))
        _loads(view, chosen)
    _findings(view)
    _levels(view)


def _strip(view: View, found: list[Night], chosen: Night) -> None:
    """Draw one link a night, the oldest first."""
    t, items = view.texts, []
    for each in reversed(found):
        words = f"{t.date(each.day)}: {t(f'pipeline.{each.state}')}"
        kind = f'class="gl-{each.state}{" gl-chosen" if each is chosen else ""}"'
        current = ' aria-current="true"' if each is chosen else ""
        month = t("time.months").split()[each.day.month - 1]
        items.append(
            f'<li><a {kind}{current} href="{escape(view.link("pipeline", night=each.day.isoformat()))}" target="_self" '
            f'title="{escape(words)}" aria-label="{escape(words)}">{each.day.day}<br>{escape(month)}</a></li>'
        )
    st.html(f'<ol class="gl-strip">{"".join(items)}</ol>')


def _night(view: View, night: Night) -> None:
    t, figures = view.texts, night.figures
    words = night.reason or t(f"pipeline.{night.state}_help")
    badge = f'<span class="gl-badge gl-{night.state}">{escape(t(f"pipeline.{night.state}"))}</span>'
    st.html(f'<p>{badge}</p><p class="gl-help">{html.text(words, 600)}</p>')
    if not figures:
        return
    built = night.published_at and night.published_at.astimezone(KST)
    published = f"{t.date(built)} {built:%H:%M} KST" if built else t("pipeline.published_unknown")
    html.facts(
        [
            (t("pipeline.tables"), f"{t.number(night.tables)} / {t.number(night.expected)}"),
            *([(t("pipeline.optional_tables"), t.number(night.optional_tables))] if night.optional_tables else []),
            (t("pipeline.rows"), t.number(figures["rows_read"])),
            (t("pipeline.row_count"), t.number(figures["row_count"])),
            (t("pipeline.requests"), t.number(figures["requests"])),
            (t("pipeline.seconds"), t.number(figures["seconds"])),
            (t("pipeline.repaired"), t.number(figures["ranges_repaired"])),
            (t("pipeline.rejected"), t.number(figures["rows_rejected"])),
            (t("pipeline.deleted"), t.number(figures["rows_deleted"])),
            (t("pipeline.drift"), t.number(figures["undeclared_values"])),
            (t("pipeline.published"), escape(published)),
        ]
    )


def _loads(view: View, night: Night) -> None:
    t, loads = view.texts, nights.loads(view.snapshot, night.day)
    head = [
        "table",
        "mode",
        "proof",
        "source_count",
        "row_count",
        "rows",
        "requests",
        "seconds",
        "repaired",
        "rejected",
    ]
    body = [
        [
            html.text(f"{row['source']}.{row['entity']}"),
            escape(t(f"pipeline.mode_{row['mode']}")),
            escape(t(f"pipeline.proof_{row['proof']}")),
            t.number(row["source_count"]),
            t.number(row["row_count"]),
            t.number(row["rows_read"]),
            t.number(row["requests"]),
            t.rating(row["seconds"]),
            t.number(row["ranges_repaired"]),
            t.number(row["rows_rejected"]),
        ]
        for row in loads
    ]
    names = [t(f"pipeline.{each}") for each in head]
    html.table(names, body, caption=t("pipeline.per_table"), texts_first=3, kind="gl-whole")
    drift = [f"{row['source']}.{row['entity']}.{field}" for row in loads for field in row["undeclared_fields"] or []]
    if drift:
        html.heading(t("pipeline.drift_fields"), t("pipeline.drift_help"), level=3)
        st.html(html.names(drift))


def _read(view: View, title: str, document: Callable[[], _Document | None]) -> _Document | None:
    """Return a document of the lake. A damaged one costs its section, not the page."""
    try:
        return document()
    except DocumentError as error:
        html.heading(view.texts(title))
        html.note(view.texts("pipeline.damaged", problem=str(error)))
        return None


def _findings(view: View) -> None:
    """Draw what the newest check of the data found, if there was one."""
    t = view.texts
    report = _read(view, "pipeline.findings", lambda: view.snapshot.marts.report)
    if not report:
        return
    opened = [each for each in report.findings if each.is_open]
    checked = t("pipeline.checked", ago=t.ago(report.checked_at))
    html.heading(t("pipeline.findings"), checked if opened else f"{t('pipeline.no_findings')} {checked}")
    if not opened:
        return
    body = [
        [
            escape(t(f"pipeline.severity_{each.severity}")),
            html.text(each.subject),
            html.text(each.message_in(t.language), 600),
            t.date(each.since.astimezone(KST)),
        ]
        for each in opened
    ]
    names = [t(f"pipeline.{each}") for each in ("severity", "subject", "message", "since")]
    html.table(names, body, caption=t("pipeline.findings"), texts_first=4, kind="gl-wraps")


def _levels(view: View) -> None:
    """Draw the service levels, if they were computed."""
    t, found = view.texts, _read(view, "pipeline.levels", lambda: view.snapshot.marts.levels)
    if not found:
        return
    head = ["level", "level_state", "target", "good_nights", "budget_left", "last_bad"]
    body = [
        [
            escape(t(f"pipeline.level_{each.name}") if f"pipeline.level_{each.name}" in all_texts() else each.title),
            escape(t(f"pipeline.level_is_{each.status if each.nights else 'unjudged'}")),
            f"{each.target:.0%}",
            f"{t.number(each.nights - each.bad)} / {t.number(each.nights)}",
            f"{each.budget_left:.0%}" if each.nights else "–",
            t.date(each.last_bad) if each.last_bad else "–",
        ]
        for each in found.levels
    ]
    html.heading(t("pipeline.levels"), t("pipeline.levels_help"))
    names = [t(f"pipeline.{each}") for each in head]
    html.table(names, body, caption=t("pipeline.levels"), texts_first=2)

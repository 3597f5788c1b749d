"""Why there is nothing to show, or why what is shown is old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data.overview import hours_old, verdict
from apps.dashboard.data.problems import NO_LAKE, kind_of
from apps.dashboard.parts import html
from gamelake.marts.lists import why_empty

if TYPE_CHECKING:
    from apps.dashboard.parts.view import View
    from apps.dashboard.texts import Texts
    from gamelake.marts.lists import GameList


def problem(texts: Texts, lake: str, error: BaseException) -> None:
    """Draw what keeps the lake from being read, and what to do."""
    kind = kind_of(error)
    html.heading(texts(f"state.{kind}"), texts(f"state.{kind}_help", lake=lake), level=1)
    if kind == NO_LAKE:
        st.code("make run", language="bash")
        return
    details(texts, error)


def old_marts(texts: Texts, error: BaseException) -> None:
    """Draw that the marts lack a column or a mart that a page asks for."""
    html.heading(texts("state.old_marts"), texts("state.old_marts_help"))
    st.code(".venv/bin/airflow dags test transform", language="bash")
    details(texts, error)


def details(texts: Texts, error: BaseException) -> None:
    """Draw an error as it is, folded."""
    with st.expander(texts("state.details")):
        st.code(f"{type(error).__name__}: {error}", language=None, wrap_lines=True)


def empty_list(view: View, chosen: GameList) -> str:
    """Return why a list has no game."""
    key, values = why_empty(chosen, view.snapshot.history_days)
    return view.texts("empty.list", reason=view.texts(key, **values))


def age(view: View) -> None:
    """Warn of a generation that is old."""
    hours = hours_old(view.snapshot)
    found = verdict(hours)
    if found != "fresh":
        st.warning(view.texts(f"state.{found}", age=view.texts.age(hours)), icon=":material/schedule:")

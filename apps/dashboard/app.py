"""The dashboard: published marts for people who do not write SQL.

    make dashboard

It reads the lake of GAMELAKE_URI through `gamelake.marts.reader`. A page takes one snapshot of the lake, and asks only
that.
"""

from __future__ import annotations

from contextlib import suppress
from html import escape
from pathlib import Path

import duckdb
import streamlit as st

from apps.dashboard.data import snapshot
from apps.dashboard.parts import html, states
from apps.dashboard.parts.view import View
from apps.dashboard.texts import LANGUAGES, Texts
from apps.dashboard.views import SHOW
from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import lake_uri
from gamelake.lake.store import StoreError
from gamelake.marts.errors import TransformError
from gamelake.marts.reader import NoSuchMartError
from gamelake.settings import SettingsError

HERE = Path(__file__).parent
ERRORS = (StoreError, DocumentError, TransformError, SettingsError)
FOLLOW_SECONDS = 60
"""How often an open page looks whether a new generation is published."""
ICONS = {
    "overview": ":material/home:",
    "lists": ":material/format_list_numbered:",
    "game": ":material/search:",
    "trends": ":material/show_chart:",
    "companies": ":material/apartment:",
    "compare": ":material/compare_arrows:",
    "pipeline": ":material/nightlight:",
}


def main() -> None:
    """Draw the page that the address names."""
    kept = {name: value for name in ("lang", "covers") if (value := _chosen(name))}
    language = kept.get("lang") or str(st.context.locale or "")[:2]
    texts = Texts(language if language in LANGUAGES else "en")
    st.set_page_config(page_title=texts("app.title"), page_icon=HERE / "icon.svg", layout="wide")
    st.html(HERE / "style.css")
    opened: list[str] = []
    pages = [
        st.Page(
            lambda name=name: opened.append(name),
            title=texts(f"nav.{name}"),
            icon=ICONS[name],
            url_path="" if name == "overview" else name,
            default=name == "overview",
        )
        for name in SHOW
    ]
    st.navigation(pages, position="top").run()
    _show(opened[0], texts, kept)
    _foot(opened[0], texts, kept)


def _show(page: str, texts: Texts, kept: dict[str, str]) -> None:
    place = "GAMELAKE_URI"
    try:
        lake = snapshot.lake_at(lake_uri())
        place = lake.place
        view = View(lake.current(), texts, kept.get("covers") != "no", kept)
        _head(page, view)
        states.age(view)
        if lake.problem:
            st.warning(texts("state.kept"), icon=":material/cloud_off:")
        SHOW[page](view)
        _follow(lake, view.snapshot.generation)
        return
    except (duckdb.BinderException, NoSuchMartError) as error:  # they lack a column, or a whole mart
        states.old_marts(texts, error)
    except ERRORS as error:
        states.problem(texts, place, error)
    st.session_state["is_just_drawn"] = True
    _retry()


@st.fragment(run_every=FOLLOW_SECONDS)  # type: ignore[untyped-decorator] # Streamlit is not in .venv
def _follow(lake: snapshot.Lake, shown: str) -> None:
    """Draw the whole page again when a new generation is published; never a part of it."""
    with suppress(*ERRORS):
        if lake.current().generation != shown:
            st.rerun()


@st.fragment(run_every=FOLLOW_SECONDS)  # type: ignore[untyped-decorator] # Streamlit is not in .venv
def _retry() -> None:
    """Draw a page that showed a problem again once the lake can be read."""
    if st.session_state.pop("is_just_drawn", False):  # the draw itself, which would else repeat without end
        return
    with suppress(*ERRORS):
        lake = snapshot.lake_at(lake_uri())
        lake.current()
        if lake.problem is None:
            st.rerun()


def _chosen(name: str) -> str | None:
    """Return what the viewer chose, by the address or on a page before; it stays in the address."""
    found = st.query_params.get(name) or st.session_state.get(f"chosen_{name}")
    allowed = LANGUAGES if name == "lang" else {"no", "yes"}
    if found not in allowed:
        return None
    st.session_state[f"chosen_{name}"] = found
    st.query_params[name] = found
    return str(found)


def _head(page: str, view: View) -> None:
    t, shown = view.texts, view.snapshot
    figures = t("app.figures_of", day=t.date(shown.day))
    built = t("app.built", ago=t.ago(shown.built_at))
    st.html(
        f'<div class="gl-top"><div><h1>{escape(t(f"nav.{page}"))}</h1><p>{escape(t(f"lead.{page}"))}</p></div>'
        f'<span class="gl-pill" title="{escape(t("app.skip", generation=shown.generation))}" '
        f'data-generation="{escape(shown.generation)}">{escape(figures)} · {escape(built)}</span></div>'
    )


def _foot(page: str, texts: Texts, kept: dict[str, str]) -> None:
    """Draw the choices of the viewer, as links that can be shared, and the credit that IGDB asks for."""
    # Of a filter with several values `to_dict` has the last one only.
    parameters = {name: st.query_params.get_all(name) for name in st.query_params}
    path = "." if page == "overview" else page
    links = [
        html.link(html.address(path, {**parameters, "lang": code}), f'<span lang="{code}">{name}</span>')
        for code, name in LANGUAGES.items()
        if code != texts.language
    ]
    covers = "yes" if kept.get("covers") == "no" else "no"
    label = texts("app.covers_on" if covers == "yes" else "app.covers_off")
    links.append(html.link(html.address(path, {**parameters, "covers": covers}), escape(label)))
    credit = f"<span>{escape(texts('app.credit'))}</span>"
    st.html(f'<nav class="gl-foot" aria-label="{escape(texts("app.settings"))}">{"".join(links)}{credit}</nav>')


main()

"""Every page in every state, by Streamlit's own test driver: `make test-dashboard` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from apps.dashboard.data import snapshot
from gamelake.paths import REPOSITORY
from tests.apps.dashboard.conftest import DAYS, NAMES, fill

pytest.importorskip("streamlit", reason="Streamlit is in .venv-dashboard only: make test-dashboard")

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.support.published_marts import MartsLake

PAGES = ("", "lists", "game", "trends", "companies", "compare", "pipeline")
APP = REPOSITORY / "apps" / "dashboard" / "app.py"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "POINTER_SECONDS", 0.0)


def opened(monkeypatch: pytest.MonkeyPatch, uri: str, page: str = "", **parameters: Any) -> AppTest:
    """A page of the dashboard on a lake."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    monkeypatch.setenv("GAMELAKE_URI", uri)
    app = AppTest.from_file(str(APP), default_timeout=60)
    if page:
        # switch_page takes files only; this is what it sets.
        app._page_hash = calc_hash(page)
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def shown(app: AppTest) -> str:
    """All that a page shows, as HTML and text."""
    assert not app.exception, app.exception
    blocks = [block.proto.body for block in app.get("html")]
    texts = [str(each.value) for kind in ("code", "warning") for each in app.get(kind)]
    return "\n".join([*blocks, *texts])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_generation(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str, language: str
) -> None:
    app = opened(monkeypatch, three_days.store.uri, page, lang=language)
    text = shown(app)
    assert 'data-generation="marts/dt=2026-11-22/build-3"' in text
    assert ("IGDB.com" in text, "게임 데이터" in text) == (True, language == "ko")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_marts_without_rows_says_why(no_rows: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = opened(monkeypatch, no_rows.store.uri, page)
    text = shown(app)
    assert "at least two nights are missing" in text
    if page not in {"game", "compare"}:
        assert "gl-note" in text or "Empty: " in text


@pytest.mark.parametrize("page", PAGES)
def test_no_lake_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    text = shown(opened(monkeypatch, (tmp_path / "none").as_uri(), page))
    assert "make run" in text


def test_a_wrong_address_of_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "expected s3://bucket/prefix" in shown(opened(monkeypatch, "ftp://somewhere"))


def test_marts_that_lack_a_column(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    marts.replace("mart_top_rated", "select 1 as game_id, 1 as rank")
    marts.publish(DAYS[-1])
    assert "dbt build" in shown(opened(monkeypatch, marts.store.uri))


def test_a_new_generation_is_shown_without_a_restart(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, marts.store.uri)
    fill(marts, "2026-11-23")
    marts.publish("2026-11-23")
    assert "marts/dt=2026-11-23/build-4" in shown(app.run())


@pytest.mark.parametrize("game", NAMES)
@pytest.mark.parametrize("page", ["game", "compare"])
def test_a_page_of_any_name(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str, game: int) -> None:
    name = "id" if page == "game" else "games"
    text = shown(opened(monkeypatch, three_days.store.uri, page, **{name: str(game)}))
    assert "<img" not in text
    assert "A" * 1_000 not in text
    if game == 106:
        assert "Game 106 without a name" in text


@pytest.mark.parametrize("wrong", ["x", "-1", "9" * 30, "999999", "1;drop table games", ""])
@pytest.mark.parametrize("page", ["game", "companies", "compare"])
def test_a_link_to_nothing(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str, wrong: str) -> None:
    shown(opened(monkeypatch, three_days.store.uri, page, id=wrong, games=wrong))


def test_a_link_has_the_filters(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"list": "played", "platform": ["100% Orange Juice"], "sort": "name"}
    app = opened(monkeypatch, three_days.store.uri, "lists", **link)
    assert "1 of 10 games" in shown(app)
    app.multiselect(key="platform").set_value([]).run()
    assert "10 of 10 games" in shown(app)
    assert "platform" not in app.query_params
    app.selectbox(key="sort").set_value("newest").run()
    assert app.query_params["sort"] == "newest"


def test_why_a_game_is_in_a_list(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "lists", list="rated"))
    assert "Its weighted rating is 91.2 of 100" in text
    assert "95.0, from 12 ratings" in text


def test_a_korean_title_and_a_page_at_steam(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "game", id="1", lang="ko"))
    assert '<h2><bdi dir="auto">젤다의 전설</bdi></h2>' in text
    assert 'href="https://store.steampowered.com/app/70/"' in text


def test_search_forgives_a_typing_error(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, three_days.store.uri, "game")
    app.text_input(key="q").set_value("zedla").run()
    assert "The Legend of Zelda" in shown(app)
    app.text_input(key="q").set_value("qqqqqqq").run()
    assert "No game has a name like this" in shown(app)


def test_covers_can_be_switched_off(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "images.igdb.com" in shown(opened(monkeypatch, three_days.store.uri, "lists"))
    for page in PAGES:
        text = shown(opened(monkeypatch, three_days.store.uri, page, covers="no", id="1"))
        assert "images.igdb.com" not in text


def test_a_cover_of_another_host_is_not_shown(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in marts.rows["mart_most_played"]:
        row["cover_url"] = (
            "https://images.igdb.com/igdb/image/upload/t_cover_big/a.jpg);background:url(https://evil.example/"
        )
    marts.publish(DAYS[-1])
    assert "evil" not in shown(opened(monkeypatch, marts.store.uri, "lists", list="played"))


def test_the_nights(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "pipeline"))
    assert all(f"gl-{state}" in text for state in ("complete", "missing", "unproven"))
    assert "popscore.mood" in text
    text = shown(opened(monkeypatch, three_days.store.uri, "pipeline", night="2026-11-21"))
    assert "Nothing was committed for this day" in text

"""Every page in every state, by Streamlit's own test driver: `make test-dashboard` has it."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from html import escape, unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from apps.dashboard.data import snapshot
from apps.dashboard.texts import Texts
from gamelake.marts import findings
from gamelake.marts.documents import POINTER, encode
from gamelake.marts.findings import Severity, State
from gamelake.marts.levels import CURRENT, ServiceLevels
from gamelake.marts.lists import BY_KEY
from gamelake.marts.pointer import current
from gamelake.paths import REPOSITORY
from gamelake.quality.objectives import load_objectives
from gamelake.quality.service_levels import JudgedNight, level_of
from gamelake.words import Words
from tests.apps.dashboard.conftest import DAYS, NAMES, fill
from tests.support.night_lake import NightLake, finding
from tests.support.published_marts import folder_of

pytest.importorskip("streamlit", reason="Streamlit is in .venv-dashboard only: make test-dashboard")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.support.published_marts import MartsLake

BAD = Words("Nothing was published.", "게시된 마트가 없습니다.")
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
def test_a_lake_behind_a_cdn_without_any_preparation(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str
) -> None:
    """As on Streamlit Community Cloud, which runs app.py itself: nothing has linked DuckDB's extensions."""
    monkeypatch.setenv("GAMELAKE_DUCKDB_EXTENSIONS", str(tmp_path / "extensions"))
    with served(folder_of(three_days.store)) as address:
        text = shown(opened(monkeypatch, address, page))
        assert 'data-generation="marts/dt=2026-11-22/build-3"' in text
    assert "rawg" not in text.lower(), "no CDN has its rows"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder behind an HTTP server."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_marts_without_rows_states_why(
    no_rows: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    app = opened(monkeypatch, no_rows.store.uri, page)
    text = shown(app)
    assert "at least two nights are missing" in text
    if page not in {"game", "compare"}:
        assert "gl-note" in text or "Empty: " in text


@pytest.mark.parametrize("page", PAGES)
def test_no_lake_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    text = shown(opened(monkeypatch, (tmp_path / "my lake").as_uri(), page))
    assert "make run" in text
    assert f"{tmp_path}/my lake" in text  # as a shell takes it


def test_a_wrong_address_of_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "expected s3://bucket/prefix" in shown(opened(monkeypatch, "ftp://somewhere"))


def test_marts_that_lack_a_column(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    marts.replace("mart_top_rated", "select 1 as game_id, 1 as rank")
    marts.publish(DAYS[-1])
    text = shown(opened(monkeypatch, marts.store.uri))
    assert ".venv/bin/airflow dags test transform" in text, "no reader sees what dbt alone builds"


def test_marts_of_a_version_that_lacked_a_mart(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stated that the lake cannot be read."""
    shown_now = current(marts.store)
    assert shown_now
    older = tuple(mart for mart in shown_now.marts if mart.name != "mart_recent_games")
    marts.store.put(POINTER, encode(replace(shown_now, marts=older)))
    text = shown(opened(monkeypatch, marts.store.uri))
    assert "These marts are of an earlier version" in text
    assert ".venv/bin/airflow dags test transform" in text


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


def test_a_filter_stays_when_the_list_has_no_such_game(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it all games of the list would be taken for those of the platform."""
    app = opened(monkeypatch, three_days.store.uri, "lists", list="rated", platform=["100% Orange Juice"], year="2003")
    assert "No game of this list matches the filters." in shown(app)
    assert app.multiselect(key="platform").value == ["100% Orange Juice"]
    app.get("button_group")[0].set_value("played").run()
    assert "1 of 10 games" in shown(app)
    assert app.multiselect(key="year").value == [2003]
    assert (app.query_params["platform"], app.query_params["year"]) == ("100% Orange Juice", "2003")
    app = opened(monkeypatch, three_days.store.uri, "lists", list="played", platform=["x" * 121])
    assert "10 of 10 games" in shown(app)


def test_another_language_and_no_covers_keep_every_filter(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    platforms = ["PC (Microsoft Windows)", "100% Orange Juice"]
    app = opened(monkeypatch, three_days.store.uri, "lists", list="played", platform=platforms)
    assert app.multiselect(key="platform").value == platforms
    foot = next(block.proto.body for block in app.get("html") if "gl-foot" in block.proto.body)
    links = [parse_qs(urlsplit(unescape(link)).query) for link in re.findall(r'href="([^"]*)"', foot)]
    assert [link["platform"] for link in links] == [platforms, platforms]
    assert [link.get("lang") for link in links] == [["ko"], None]


def test_a_release_of_which_only_the_year_is_known(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "game", id="2"))
    assert re.search(r"Korea</th><td[^>]*>2029</td>", text)
    assert "not announced" not in text
    assert Texts("ko").date(None, None, year=2029) == "2029년"
    assert Texts("en").date(None) == "not announced"


def test_why_a_game_is_in_a_list(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "lists", list="rated"))
    assert "Its weighted rating is 91.2 of 100" in text
    assert "95.0, from 12 ratings" in text


@pytest.mark.parametrize("chosen", BY_KEY)
def test_a_list_states_what_its_figure_means(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """An empty list too: a newcomer looks there in the first week."""
    text = shown(opened(monkeypatch, three_days.store.uri, "lists", list=chosen))
    assert escape(Texts("en")(f"score.{chosen}")) in text


def test_a_korean_title_and_a_page_at_steam(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "game", id="1", lang="ko"))
    assert '<h2><bdi dir="auto">젤다의 전설</bdi></h2>' in text
    assert 'href="https://store.steampowered.com/app/70/"' in text
    releases = text[text.index("지역별 출시일") :]
    assert releases.index("한국") < releases.index("2026년 4분기") < releases.index("전 세계")


def test_what_changed_is_in_words(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(opened(monkeypatch, three_days.store.uri, "game", id="1"))
    told = text[text.index("What changed") :]
    for words in (
        "From 5 to 1,200",
        "From 80.01 to 80.0161",
        "Removed; it was 21 Feb 1986",
        "Added: Wii, 1 more; Removed: PC",
        "Added: 2",
        '<bdi dir="auto">field_of_tomorrow</bdi>',
        "New: &lt;img",
        "Changes are known from the load of 20 Nov 2026 on",
        "Not known: what the loads of 21 Nov 2026 changed",
    ):
        assert words in told
    assert "Name in addresses" not in told, "it follows from the name"
    assert "Added at IGDB" in shown(opened(monkeypatch, three_days.store.uri, "game", id="2"))
    korean = shown(opened(monkeypatch, three_days.store.uri, "game", id="1", lang="ko"))
    assert "5 → 1,200" in korean
    assert "출시 전 팔로워" in korean


def test_a_game_that_was_deleted_or_did_not_change(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "IGDB deleted Halo" in shown(opened(monkeypatch, three_days.store.uri, "game", id="99"))
    assert "Nothing changed in the 28 days" in shown(opened(monkeypatch, three_days.store.uri, "game", id="3"))


@pytest.mark.parametrize(("page", "ids"), [("game", {"id": "1"}), ("compare", {"games": "1,2"})])
def test_a_figure_that_a_game_lacks_is_no_load_that_failed(
    three_days: MartsLake, marts: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str, ids: dict[str, str]
) -> None:
    lacking = {**ids, "figure": "twitch_hours_watched"}
    assert "IGDB has no such figure" in shown(opened(monkeypatch, three_days.store.uri, page, **lacking))
    later = "2027-11-22"  # no day of the history is near
    fill(marts, later)
    marts.publish(later)
    assert "No popularity was loaded" in shown(opened(monkeypatch, marts.store.uri, page, **ids))


def test_changes_of_a_generation_that_has_none(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    marts.rows["fct_game_change_steps"] = marts.rows["fct_game_change_steps"][:1]
    marts.rows.pop("fct_game_changes")
    marts.publish(DAYS[-1])
    assert "It is not known yet what changed" in shown(opened(monkeypatch, marts.store.uri, "game", id="1"))
    marts.rows.pop("fct_game_change_steps")
    marts.publish("2026-11-23")
    assert "What changed" not in shown(opened(monkeypatch, marts.store.uri, "game", id="1"))


def test_a_first_day_tells_no_change(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in (row for rows in marts.rows.values() for row in rows if "previous_day" in row):
        row["previous_day"] = None
    marts.publish(DAYS[-1])
    assert 'class="gl-mover"' not in shown(opened(monkeypatch, marts.store.uri))


def test_releases_of_a_generation_that_has_none(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    marts.rows.pop("fct_release_dates")
    marts.publish(DAYS[-1])
    assert "Release dates" not in shown(opened(monkeypatch, marts.store.uri, "game", id="1"))


def test_search_forgives_a_typing_error(three_days: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, three_days.store.uri, "game")
    app.text_input(key="q").set_value("zedla").run()
    assert "The Legend of Zelda" in shown(app)
    app.text_input(key="q").set_value("qqqqqqq").run()
    assert "No game has a name like this" in shown(app)


@pytest.mark.parametrize("page", ["game", "companies", "compare"])
def test_a_search_that_finds_more_than_is_shown_states_it(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    found = "The first 1. A longer text finds fewer."
    app = opened(monkeypatch, three_days.store.uri, page)
    (box,) = app.text_input
    assert found not in shown(box.set_value("n").run())
    monkeypatch.setattr("apps.dashboard.data.search.LIMIT", 1)
    monkeypatch.setattr("apps.dashboard.data.companies.FOUND", 1)
    app = opened(monkeypatch, three_days.store.uri, page)
    (box,) = app.text_input
    assert found in shown(box.set_value("n").run())


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
    text = shown(opened(monkeypatch, three_days.store.uri, "pipeline", night=DAYS[-1]))
    assert all(f"gl-{state}" in text for state in ("complete", "missing", "unproven"))
    assert "igdb.popscore.mood" in text
    assert all(f">{table}<" in text for table in ("igdb.games", "rawg.games")), "both sources have a table of games"
    assert "Tables of optional sources" in text
    text = shown(opened(monkeypatch, three_days.store.uri, "pipeline", night="2026-11-21"))
    assert "Nothing was committed for this day" in text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_checks_of_the_data_are_shown_in_words(
    marts: MartsLake, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Open findings, service levels, and a level of slo.yaml that has no text here."""
    at, texts = datetime(2026, 11, 22, 5, tzinfo=UTC), Texts(language)
    found = finding("freshness", Severity.P1, since=at)
    over = replace(found, subject="igdb.genres", state=State.RECOVERED)
    late = replace(found, message="The games are <late>.", message_ko="게임이 <늦습니다>.")
    NightLake(marts.store).check(late, over, at=at)
    level = level_of("published", load_objectives()["published"], [JudgedNight(at.date(), BAD)])
    levels = ServiceLevels(checked_at=at, levels=(level, replace(level, name="invented", title="An invented promise")))
    marts.store.put(CURRENT, encode(levels))
    text = shown(opened(monkeypatch, marts.store.uri, "pipeline", lang=language))
    assert ("The games are &lt;late&gt;." in text) is (language == "en")
    assert ("게임이 &lt;늦습니다&gt;." in text) is (language == "ko")
    assert "igdb.genres" not in text
    for key in ("findings", "severity_P1", "level_published", "level_is_spent"):
        assert escape(texts(f"pipeline.{key}")) in text
    assert "An invented promise" in text


@pytest.mark.parametrize("damaged", [findings.CURRENT, CURRENT])
def test_a_damaged_document_costs_its_section_only(
    marts: MartsLake, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    at, texts = datetime(2026, 11, 22, 5, tzinfo=UTC), Texts("en")
    NightLake(marts.store).check(finding("freshness", Severity.P1, since=at), at=at)
    level = level_of("published", load_objectives()["published"], [JudgedNight(at.date(), BAD)])
    marts.store.put(CURRENT, encode(ServiceLevels(checked_at=at, levels=(level,))))
    marts.store.put(damaged, b'{"checked_at": "2026-11')
    text = shown(opened(monkeypatch, marts.store.uri, "pipeline"))
    for heading in ("strip", "findings", "levels"):
        assert escape(texts(f"pipeline.{heading}")) in text
    assert damaged in text
    assert "the next check of the data writes it again" in text
    assert ("The games are late." in text) is (damaged == CURRENT)
    assert (texts("pipeline.level_published") in text) is (damaged == findings.CURRENT)


LINK = '<a href="https://rawg.io/{}" rel="noopener noreferrer">rawg.io</a>'


@pytest.mark.parametrize(("language", "words"), [("en", "IGDB and RAWG side by side"), ("ko", "IGDB와 RAWG 비교")])
def test_a_page_that_shows_rawg_links_to_it(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    game = shown(opened(monkeypatch, three_days.store.uri, "game", id="1", lang=language))
    assert words in game
    assert LINK.format("games/zelda") in game
    assert ("2.8 of 5, 64 ratings" in game, "5점 중 2.8점, 평가 64개" in game) == (language == "en", language == "ko")
    assert "elsewhere.example" not in game
    listed = shown(opened(monkeypatch, three_days.store.uri, "lists", list="disagreed", lang=language))
    assert LINK.format("") in listed
    assert "55.0" in listed


@pytest.mark.parametrize(("page", "name"), [("game", "id"), ("lists", "list"), ("compare", "games")])
def test_a_page_without_rawg_does_not_name_it(
    three_days: MartsLake, monkeypatch: pytest.MonkeyPatch, page: str, name: str
) -> None:
    app = opened(monkeypatch, three_days.store.uri, page, **{name: "played" if name == "list" else "2"})
    assert "rawg.io" not in shown(app)


def test_each_day_of_a_chart_has_one_label() -> None:
    """Altair's own labels of eight days are half days, with the same text twice."""
    from streamlit.testing.v1 import AppTest

    def draw() -> None:
        from datetime import date

        from apps.dashboard.parts import charts

        rows = [{"day": date(2026, 11, 1 + number), "users": number} for number in range(8)]
        charts.lines(rows, x=("day", "Day"), y=("users", "Users"))

    app = AppTest.from_function(draw, default_timeout=60).run()
    (chart,) = app.get("vega_lite_chart")
    axis = json.loads(chart.proto.spec)["encoding"]["x"]["axis"]
    assert axis["values"] == [f"2026-11-0{1 + number}" for number in range(8)]


def test_two_games_whose_names_look_the_same_are_two_lines(marts: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The days of both were one line: long names are cut, and two games may have one Korean title."""
    from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

    name = "The Legend of Zelda: Breath of the Wild - Expansion Pass"
    monkeypatch.setitem(NAMES, 2, f"{name} 1")
    monkeypatch.setitem(NAMES, 3, f"{name} 2")
    fill(marts, "2026-11-23")
    marts.publish("2026-11-23")
    app = opened(monkeypatch, marts.store.uri, "compare", games="1,2,3")
    (chart,) = app.get("vega_lite_chart")
    rows = convert_arrow_bytes_to_pandas_df(chart.proto.data.data).to_dict("records")
    names = {
        "The Legend of Zelda",
        "The Legend of Zelda: Breath of the W… #2",
        "The Legend of Zelda: Breath of the W… #3",
    }
    assert {row["name"] for row in rows} == names
    assert len({(row["name"], row["day"]) for row in rows}) == len(rows)


def test_a_long_bar_has_room_for_its_figure() -> None:
    from streamlit.testing.v1 import AppTest

    def draw() -> None:
        from apps.dashboard.parts import charts

        rows = [{"name": "Sport", "users": 286}, {"name": "Puzzle", "users": 113}]
        charts.bars(rows, name=("name", "Name"), value=("users", "Users"))

    app = AppTest.from_function(draw, default_timeout=60).run()
    (chart,) = app.get("vega_lite_chart")
    for layer in json.loads(chart.proto.spec)["layer"]:
        assert layer["encoding"]["x"]["scale"]["domain"][1] > 1.2 * 286

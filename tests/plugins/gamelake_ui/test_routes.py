"""The plugin's application: who may ask, what it answers, and what its pages may load."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse, ReactAppResponse
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from gamelake.marts import findings, levels
from gamelake.marts.findings import Observation, Severity
from gamelake.paths import REPOSITORY
from gamelake.quality.record import record
from gamelake_ui.routes import STATIC, application
from tests.support.night_lake import NAMES, NightLake, moment

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

    from gamelake.lake.store import Store
    from gamelake.marts.documents import PublishedMart

PLUGIN = REPOSITORY / "plugins" / "gamelake_ui_plugin.py"
DAY = "2026-11-21"
# A namespace loads nothing, and a link to RAWG, which its terms ask for, only when a person follows it.
HOST = re.compile(r"https?://(?!www\.w3\.org/2000/svg|rawg\.io/\")")


@pytest.fixture
def app(store: Store, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", '{"conn_type": "igdb", "extra": {"requests_per_second": 4}}')
    application.cache_clear()
    return application()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client that is logged in."""
    app.dependency_overrides[get_user] = lambda: "a user"
    return TestClient(app)


def addresses(app: FastAPI) -> list[str]:
    paths: list[str] = [route.path for route in app.routes]  # type: ignore[attr-defined]
    # The metrics have a token of their own: see test_metrics.py.
    return [path.format(day=DAY, name="dim_games") for path in paths if path != "/metrics"]


def test_an_extra_that_is_no_object_breaks_no_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", '{"conn_type": "igdb", "extra": [4]}')
    assert client.get("/api/nights").status_code == 200


def test_without_a_login_every_address_is_refused(app: FastAPI) -> None:
    client = TestClient(app)
    every = addresses(app)
    assert {
        "/last-night",
        "/run",
        "/games",
        "/lineage",
        "/api/lineage",
        "/api/nights",
        "/static/common.js",
        "/marts/dim_games",
    } <= set(every)
    for address in every:
        assert client.get(address).status_code == 401, address


def test_there_are_no_pages_of_openapi(client: TestClient) -> None:
    for address in ("/docs", "/redoc", "/openapi.json", "/static/", "/static/../routes.py", "/static/%2e%2e/routes.py"):
        assert client.get(address).status_code == 404, address


def test_a_page_loads_nothing_from_another_host(client: TestClient) -> None:
    for path in STATIC.iterdir():
        text = path.read_text("utf-8")
        assert not HOST.search(text), path
        assert not re.search(r"""(src|href)=["']/|innerHTML|\sstyle=""", text), path
    policy = client.get("/last-night").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_figures_are_those_of_the_lake(client: TestClient, store: Store) -> None:
    NightLake(store).night(DAY, rows_read=7)
    body = client.get(f"/api/nights/{DAY}").json()
    assert body["rows_read"] == 7 * len(NAMES)
    assert body["loads"][0]["pace"] == 0.5
    assert body["marts"]["status"] == "published"
    assert len(client.get("/api/nights").json()["marks"]) == 30
    run = client.get("/api/runs", params={"dag_id": "igdb_games", "run_id": f"scheduled__{DAY}"}).json()
    assert run["load"]["commit"]["rows_read"] == 7


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "<img src=x onerror=alert(1)>"])
def test_a_text_that_is_no_day_is_refused(client: TestClient, day: str) -> None:
    assert client.get(f"/api/nights/{day}").status_code == 404


def test_a_lake_that_cannot_be_read_is_explained(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, client: TestClient
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", "ftp://nowhere")
    reply = client.get("/api/nights")
    assert reply.status_code == 503
    assert "ftp://nowhere" in reply.json()["detail"]
    page = client.get("/brief")
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (503, "text/html")
    assert "<p>The lake cannot be read: open &#x27;ftp://nowhere" in page.text


@pytest.fixture
def mart(store: Store) -> PublishedMart:
    """The only mart of the published generation. Beside it lies another file of the lake."""
    lake = NightLake(store)
    made = lake.mart(DAY, "dim_games", "select range as game_id, 'Game ' || range as game_name from range(5000)")
    lake.publish(lake.build(DAY, at=moment(DAY, "04:16"), marts=(made,)), at=moment(DAY, "04:17"))
    store.put("marts/secret.parquet", b"PAR1")
    return made


def test_a_published_mart_is_served_whole_and_in_ranges(client: TestClient, store: Store, mart: PublishedMart) -> None:
    listed = client.get("/api/marts").json()
    assert [(each["name"], each["rows"]) for each in listed["marts"]] == [("dim_games", 5000)]
    data = store.get(mart.key)
    address = f"/marts/dim_games?sha256={mart.sha256}"
    whole = client.get(address)
    assert (whole.status_code, whole.content) == (200, data)
    for wanted, start, end in (
        ("bytes=0-3", 0, 4),
        ("bytes=-8", len(data) - 8, len(data)),
        ("bytes=9-", 9, len(data)),
        ("bytes=0-99999999", 0, len(data)),
    ):
        part = client.get(address, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, data[start:end]), wanted
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
    assert client.get(address, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert client.get(address, headers={"Range": "bytes=4-2"}).status_code == 416
    assert client.get(address, headers={"Range": f"bytes=0-{'9' * 5000}"}).status_code == 200  # it was 500


def test_no_other_file_is_served(client: TestClient, mart: PublishedMart) -> None:
    for name in ("secret", "../secret", "..%2fsecret", "%2e%2e/_current.json", "dim_games.parquet", "dim%00games"):
        assert client.get(f"/marts/{name}?sha256={mart.sha256}").status_code == 404, name
    assert client.get(f"/marts/dim_games?sha256={'0' * 64}").status_code == 409, "another generation's file"
    assert client.get("/marts/dim_games").status_code == 422


def test_while_marts_are_published_no_page_gets_a_mix(client: TestClient, store: Store) -> None:
    lake = NightLake(store)

    def publish(number: int) -> None:
        run = f"run-{number}"
        made = lake.mart(DAY, "dim_games", f"select {number} as build, range as id from range(100)", run=run)
        at = moment(DAY, "04:17")
        lake.publish(lake.build(DAY, at=at, run=run, marts=(made,)), at=at)

    publish(0)
    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(lambda: list(map(publish, range(1, 15))))
        seen = []
        is_last = False
        while not is_last:
            is_last = writing.done()  # one more reading after the last publication
            (listed,) = client.get("/api/marts").json()["marts"]
            found = client.get(f"/marts/dim_games?sha256={listed['sha256']}")
            seen.append(found.status_code)
            assert found.status_code == 409 or sha256(found.content).hexdigest() == listed["sha256"]
        writing.result()
    assert set(seen) <= {200, 409}
    assert seen[-1] == 200


def test_a_damaged_report_or_service_level_costs_its_section_only(client: TestClient, store: Store) -> None:
    torn = (findings.CURRENT, levels.CURRENT)
    for key in torn:
        store.put(key, b'{"checked_at": "2026-11')
    reply = client.get("/api/findings")
    assert (reply.status_code, findings.CURRENT in reply.json()["detail"]) == (503, True)
    nights = client.get("/api/nights").json()
    assert nights["levels"] == []
    assert [any(key in problem for problem in nights["problems"]) for key in torn] == [True, True]


def test_the_findings_are_those_of_the_newest_check(client: TestClient, store: Store) -> None:
    assert client.get("/api/findings").json() is None
    late = Observation(
        check="freshness", severity=Severity.P1, subject="igdb.games", value=31, expected="30 hours", message="late"
    )
    record(store, [late], at=datetime(2026, 11, 21, 5, tzinfo=UTC), generation=None)
    (found,) = client.get("/api/findings").json()["findings"]
    assert (found["severity"], found["state"], found["message"]) == ("P1", "new", "late")


def test_the_path_of_a_mart_is_that_of_the_lake(client: TestClient, mart: PublishedMart) -> None:
    path = client.get("/api/lineage", params={"mart": "dim_games"}).json()
    assert (path["name"], path["marts"]) == ("dim_games", ["dim_games"])
    steps = {step["path"]: step for step in path["steps"]}
    assert steps["marts/dim_games"]["mart"]["key"] == mart.key
    assert steps["raw/igdb/genres"]["origin"] == "igdb: genres"
    unknown = client.get("/api/lineage", params={"mart": "<img src=x onerror=alert(1)>"})
    assert unknown.status_code == 404
    assert "dim_games" in unknown.json()["detail"]


def test_before_the_first_publication_there_is_no_path(client: TestClient) -> None:
    reply = client.get("/api/lineage")
    assert (reply.status_code, reply.json()) == (200, None)


def test_before_the_first_publication_the_next_step_is_told(client: TestClient) -> None:
    reply = client.get("/api/marts")
    assert reply.status_code == 404
    assert "transform" in reply.json()["detail"]


def test_every_view_has_a_destination_that_airflow_knows() -> None:
    """With another one Airflow drops the whole plugin, and only a log shows it."""
    plugin = load_plugin()
    routes = [view["url_route"] for view in [*plugin.external_views, *plugin.react_apps]]
    assert len(routes) == len(set(routes))
    for view in plugin.external_views:
        ExternalViewResponse.model_validate(view)
        assert not view["href"].startswith("/"), "it would be lost below a base path"
    for view in plugin.react_apps:
        ReactAppResponse.model_validate(view)
        assert not view["bundle_url"].startswith("/")


def test_airflow_s_other_processes_import_no_lake(tmp_path: Path) -> None:
    """The plugin's file runs in each of them."""
    code = (
        "import sys, airflow.plugins_manager; before = set(sys.modules); import gamelake_ui_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PLUGIN.parent, check=True)
    assert ran.stdout.splitlines()[-1] == "['gamelake_ui_plugin']"


def load_plugin() -> Any:
    spec = importlib.util.spec_from_file_location("gamelake_ui_plugin", PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.GamelakeUiPlugin

"""The plugin's application: who may ask, what it answers, and what its pages may load."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse, ReactAppResponse
from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from gamelake.paths import REPOSITORY
from gamelake_ui.routes import STATIC, application
from tests.support.night_lake import NAMES, NightLake

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

    from gamelake.lake.store import Store

PLUGIN = REPOSITORY / "plugins" / "gamelake_ui_plugin.py"
DAY = "2026-11-21"
HOST = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")


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
    return [route.path.replace("{day}", DAY) for route in app.routes]  # type: ignore[attr-defined]


def test_without_a_login_every_address_is_refused(app: FastAPI) -> None:
    client = TestClient(app)
    every = addresses(app)
    assert {"/last-night", "/run", "/api/nights", "/static/common.js"} <= set(every)
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


def test_every_view_has_a_destination_that_airflow_knows() -> None:
    """With another one Airflow drops the whole plugin, and says so in a log only."""
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

"""`/gamelake/metrics`: who may read it, what Prometheus finds there, and what it shows of a damaged lake."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from gamelake.lake.keys import LoadRun
from gamelake.lake.rejected import keep_rejected
from gamelake.marts.documents import RECORD, Action
from gamelake.marts.findings import Severity, State
from gamelake.nights.metrics import METRICS
from gamelake.quality.service_levels import refresh
from gamelake.registry import load_sources, loaded_entities
from gamelake_ui import metrics
from gamelake_ui.routes import application
from tests.support.captured import apply_snapshot
from tests.support.night_lake import ENTITIES, INJECTION, NightLake, finding, moment

if TYPE_CHECKING:
    from gamelake.lake.store import Store

DAY = "2026-11-21"
TOKEN = "a token, which is long and random"
LABELS = {"source": "igdb", "entity": "games"}


@pytest.fixture
def lake(store: Store, monkeypatch: pytest.MonkeyPatch) -> NightLake:
    """A lake that the API server reads."""
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setenv("GAMELAKE_METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", '{"conn_type": "igdb", "extra": {"requests_per_second": 4}}')
    application.cache_clear()
    return NightLake(store)


def scrape(authorization: str | None = f"Bearer {TOKEN}") -> Any:
    headers = {} if authorization is None else {b"Authorization": authorization.encode()}
    return TestClient(application()).get("/metrics", headers=headers)


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of a page by name and labels, as Prometheus' own parser reads them."""
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(text: str, name: str, **labels: str) -> float | None:
    return values(text).get((f"gamelake_{name}", frozenset(labels.items())))


@pytest.mark.parametrize(
    "authorization",
    [None, "", TOKEN, "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}!", "Bearer é"],
)
def test_without_the_token_nothing_is_shown(lake: NightLake, authorization: str | None) -> None:
    reply = scrape(authorization)
    assert (reply.status_code, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in reply.text


def test_without_a_setting_it_is_switched_off(lake: NightLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAMELAKE_METRICS_TOKEN")
    assert scrape().status_code == 404
    assert scrape("Bearer ").status_code == 404


def test_a_wrong_setting_is_not_shown_to_everyone(lake: NightLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_SANDBOX_GAMES", "a-secret")
    reply = scrape(None)
    assert reply.status_code == 503
    assert "a-secret" not in reply.text


def test_the_figures_are_those_of_the_newest_commit(lake: NightLake) -> None:
    lake.night("2026-11-20", rows_read=5)
    lake.load(
        ENTITIES["games"], DAY, at=moment(DAY, "04:01"), rows=990, source_count=1000, rows_read=7, rows_rejected=4,
        undeclared={"a": 1, "b": 2}, requests=12, seconds=6.0,
    )  # fmt: skip
    text = scrape().text
    expected = {
        "load_committed_timestamp_seconds": moment(DAY, "04:01").timestamp(),
        "load_commits_total": 2,
        "table_rows": 990,
        "table_source_rows": 1000,
        "table_difference_rows": 6,
        "load_read_rows": 7,
        "load_rejected_rows": 4,
        "load_undeclared_fields": 2,
        "load_requests": 12,
        "load_duration_seconds": 6,
        "load_request_budget_ratio": 0.5,
        "load_late_after_seconds": 30 * 3600,
        "load_stale_after_seconds": 54 * 3600,
    }
    assert {name: value(text, name, **LABELS) for name in expected} == expected
    assert value(text, "load_read_rows", source="igdb", entity="genres") == 5, "of the night before"


def test_every_metric_is_declared_and_shown(lake: NightLake, scratch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", "shop")
    order = {"id": 7, "status": "paid", "currency": "EUR", "ordered_at": "2026-11-20T10:00:00Z"}
    orders = load_sources()["shop"].entities["orders"]
    apply_snapshot(lake.store, orders, [order])
    run, at = LoadRun(orders.table, DAY, "changes"), int(moment(DAY, "12:00").timestamp())
    keep_rejected(lake.store, run, time_ns=at * 10**9, rows=[{"reason": "a type", "id": 7, "row": {}}])
    lake.night("2026-11-20")
    lake.night(DAY)
    refresh(lake.store, loaded_entities(), now=moment(DAY, "13:00"))
    lake.check(finding("freshness", Severity.P1, since=moment(DAY, "05:00")), at=moment(DAY, "05:00"))
    text = scrape().text
    assert {name for name, _ in values(text)} == {metric.name for metric in METRICS}
    assert value(text, "changes_table_rows", source="shop", entity="orders") == 1
    assert value(text, "changes_rejected_timestamp_seconds", source="shop", entity="orders") == at
    assert value(text, "load_late_after_seconds", source="shop", entity="orders") is None, "no load is due"
    assert value(text, "service_level_budget_left_ratio", level="published") == 1
    assert value(text, "service_level_status", level="published", status="met") == 1


def test_the_marts_are_those_that_readers_have(lake: NightLake) -> None:
    first = lake.night("2026-11-20")
    lake.night(DAY)
    lake.publish(first, at=moment(DAY, "09:00"), action=Action.ROLLBACK)
    text = scrape().text
    assert value(text, "marts_published_timestamp_seconds") == moment(DAY, "09:00").timestamp()
    assert value(text, "marts_built_timestamp_seconds") == moment("2026-11-20", "04:16").timestamp()
    assert value(text, "marts_day_timestamp_seconds") == moment("2026-11-20", "00:00").timestamp()
    assert (value(text, "marts_rolled_back"), value(text, "marts_publications_total")) == (1, 3)
    assert (value(text, "mart_rows", mart="dim_games"), value(text, "mart_size_bytes", mart="dim_games")) == (5000, 1)


def test_a_failed_build_shows_its_tests_until_the_next_one_ends(lake: NightLake) -> None:
    made = lake.night("2026-11-20")
    size = sum(info.size for info in lake.store.list(f"{made.generation}/"))
    text = scrape().text
    assert (value(text, "build_tests", result="pass"), value(text, "build_tests", result="fail")) == (40, 0)
    assert value(text, "build_ended_timestamp_seconds") == moment("2026-11-20", "04:16").timestamp()
    assert (value(text, "marts_size_bytes"), value(text, "history_size_bytes")) == (size, 70)
    assert value(text, "table_size_bytes", **LABELS) == 100
    lake.results(DAY, at=moment(DAY, "04:16"), run="failed", tests={"pass": 38, "fail": 2, "skipped": 1})
    application.cache_clear()
    text = scrape().text
    found = {each: value(text, "build_tests", result=each) for each in ("pass", "warn", "fail", "error", "skipped")}
    assert found == {"pass": 38, "warn": 0, "fail": 2, "error": 0, "skipped": 1}
    assert value(text, "build_ended_timestamp_seconds") == moment(DAY, "04:16").timestamp()


def test_findings_are_counted_until_a_check_no_longer_finds_them(lake: NightLake) -> None:
    at = moment(DAY, "05:00")
    found = [finding(check, Severity.P2, since=at) for check in ("nulls", "nulls", "volume")]
    lake.check(*found, finding("freshness", Severity.P1, since=at, state=State.RECOVERED), at=at)
    text = scrape().text
    assert value(text, "quality_findings", severity="P2", check="nulls") == 2
    assert value(text, "quality_findings", severity="P2", check="volume") == 1
    assert value(text, "quality_findings", severity="P1", check="freshness") == 0
    assert value(text, "quality_checked_timestamp_seconds") == at.timestamp()


def test_a_damaged_document_is_counted_and_hides_nothing_else(lake: NightLake) -> None:
    lake.night("2026-11-20")
    made = lake.night(DAY)
    assert value(scrape().text, "lake_damaged_documents") == 0
    lake.store.put(f"{made.generation}/{RECORD}", b"{")
    lake.store.put(ENTITIES["games"].table.manifest_key(2), b"{")
    application.cache_clear()
    text = scrape().text
    found = value(text, "lake_damaged_documents")
    assert found is not None
    assert found >= 2
    assert value(text, "load_status", **LABELS, status="damaged") == 1
    assert value(text, "table_rows", **LABELS) == 1000, "of the commit before"
    assert value(text, "lake_readable") == 1


def test_a_lake_that_cannot_be_read_is_one_metric_without_its_address(
    lake: NightLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", "ftp://nowhere")
    reply = scrape()
    assert (reply.status_code, values(reply.text)) == (200, {("gamelake_lake_readable", frozenset()): 0})
    assert "nowhere" not in reply.text


def test_an_empty_lake_has_a_page(lake: NightLake) -> None:
    text = scrape().text
    assert value(text, "lake_readable") == 1
    assert value(text, "marts_published_timestamp_seconds") is None


def test_scrapes_of_the_same_moment_share_a_read(lake: NightLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.night("2026-11-20")
    before = scrape().text
    lake.night(DAY)
    assert scrape().text == before
    monkeypatch.setattr(metrics, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr("gamelake.nights.report.FRESH_SECONDS", -1.0)
    assert scrape().text != before


def test_no_path_and_no_free_text_is_on_the_page(lake: NightLake) -> None:
    made = lake.build(DAY, at=moment(DAY, "04:16"), run=f"run-{TOKEN[:7]}")
    lake.loads(DAY, undeclared={INJECTION: 1}, run_id=INJECTION)
    lake.publish(made, at=moment(DAY, "04:17"), reason="because\nof this")
    text = scrape().text
    for word in (lake.store.uri, "marts/", "raw/", INJECTION, "because", TOKEN):
        assert word not in text


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' promtool is not installed")
def test_promtool_has_nothing_to_say_against_it(lake: NightLake) -> None:
    lake.night("2026-11-20")
    lake.night(DAY, undeclared={"a": 1})
    reply = scrape()
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=reply.text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_names_are_those_of_the_declarations() -> None:
    names: list[Any] = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("gamelake_") for name in names)

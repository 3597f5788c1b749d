"""What follows from findings: incidents, the command, and the task of the DAG."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.cli.main import main
from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.incidents.wording import worded
from gamelake.lake.capture_sign import CaptureSign, write_sign
from gamelake.marts import findings
from gamelake.marts.findings import Observation, Severity
from gamelake.paths import REPOSITORY
from gamelake.quality import tables
from gamelake.quality.evidence import Evidence
from gamelake.quality.objectives import load_objectives
from gamelake.quality.record import record
from gamelake.quality.telling import tell
from gamelake.quality.watched import ThresholdError, watched_marts
from gamelake.registry import loaded_sources
from tests.support.generations import document_of
from tests.support.night_lake import NightLake, moment

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

START = datetime(2026, 11, 21, 5, tzinfo=UTC)
NIGHT = "2026-11-21"
SOURCES = loaded_sources()


def found(check: str, subject: str, severity: Severity) -> Observation:
    return Observation(
        check=check, severity=severity, subject=subject, value=1.0, expected="none", message=f"{subject} is odd"
    )


def test_urgent_findings_are_one_incident_for_each_check(disk: Store) -> None:
    def failing(*seen: Observation, hours: float) -> dict[str, set[str]]:
        report, _ = record(disk, seen, at=START + timedelta(hours=hours), generation=None)
        for _ in range(2):
            tell(report, Incidents(disk), SOURCES)
        return {each.scope: {failure.part for failure in each.failures} for each in Incidents(disk).open()}

    late = [found("freshness", each, Severity.P1) for each in ("igdb.games", "igdb.covers")]
    assert failing(*late, found("nulls", "dim_games.rating", Severity.P2), hours=0) == {
        "quality.freshness": {"igdb.games", "igdb.covers"}
    }
    states = len(list(disk.list("incidents/")))
    assert failing(*late, hours=1) == {"quality.freshness": {"igdb.games", "igdb.covers"}}
    assert len(list(disk.list("incidents/"))) == states, "a finding that continues changes nothing"
    assert failing(late[1], found("volume", "igdb.games", Severity.P1), hours=30) == {
        "quality.freshness": {"igdb.covers"},
        "quality.volume": {"igdb.games"},
    }
    assert failing(hours=31) == {}


@pytest.mark.parametrize(
    ("check", "page"),
    [("freshness", "marts-are-late"), ("silence", "capture-stops"), ("volume", "data-findings")],
)
def test_the_message_of_a_finding_leads_to_the_page_of_its_check(disk: Store, check: str, page: str) -> None:
    report, _ = record(disk, [found(check, "shop", Severity.P1)], at=START, generation=None)
    incidents = Incidents(disk, channels=("slack",))
    tell(report, incidents, SOURCES)
    (incident,) = incidents.open()
    told = worded(incident, incident.messages[-1], language="en", airflow_url=None)
    assert told.lines[-1] == f"Runbook: docs/guides/runbooks/{page}.md"
    assert (REPOSITORY / told.lines[-1].removeprefix("Runbook: ")).is_file()


def test_late_data_is_told_again_when_it_becomes_urgent(disk: Store) -> None:
    incidents, receiver = Incidents(disk, channels=("slack",)), []
    for hours, severity in enumerate((Severity.P1, Severity.P1, Severity.P0, Severity.P0)):
        seen = [found("freshness", "igdb.games", severity)]
        report, _ = record(disk, seen, at=START + timedelta(hours=hours), generation=None)
        tell(report, incidents, SOURCES)
        incidents.deliver(lambda _, __, message: receiver.append((message.event.value, message.severity.value)))
    assert receiver == [("opened", "P1"), ("worsened", "P0")]


def test_late_data_is_told_once_with_the_load_or_the_build_that_failed(disk: Store) -> None:
    incidents = Incidents(disk)
    load = Fault(scope="load.igdb", kind="held", part="games", night=NIGHT, cause="no rows")

    def told(*subjects: str) -> set[str]:
        report, _ = record(
            disk, [found("freshness", each, Severity.P1) for each in subjects], at=START, generation=None
        )
        tell(report, incidents, SOURCES)
        return {failure.part for each in incidents.open("quality") for failure in each.failures}

    incidents.fail(load)
    assert told("igdb.games", "marts") == set()
    assert told("igdb.games", "igdb.covers", "marts") == {"igdb.covers"}, "of which nothing was told"
    incidents.fail(Fault(scope="transform", kind="late", part="publication", night=NIGHT, cause="waits"))
    assert told("igdb.games", "igdb.covers", "igdb.themes") == {"igdb.covers"}, "its incident goes on"
    assert told("igdb.games") == set()
    incidents.succeed("load.igdb", night=NIGHT)
    incidents.succeed("transform", night=NIGHT)
    assert told("igdb.games", "marts") == {"igdb.games", "marts"}, "the other incident is over, and they are late"


def test_the_command_lists_what_is_open(
    disk: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    assert main(["quality"]) == 0
    assert "not checked yet" in capsys.readouterr().out
    for severity, status in ((Severity.P2, 0), (Severity.P1, 1)):
        record(disk, [found("volume", "igdb.games", severity)], at=START, generation=None)
        assert main(["quality"]) == status
        assert f"{severity} volume:igdb.games: igdb.games is odd" in capsys.readouterr().out
    record(disk, [], at=START, generation=None)
    assert main(["quality"]) == 0
    assert "No marts are published yet: only the loads were checked" in capsys.readouterr().out


def test_a_broken_table_of_an_optional_source_is_told() -> None:
    shown = document_of("marts/dt=2026-11-21/run", day="2026-11-21", tables_left_out={"rawg.genres": "a part is cut"})
    [found] = tables.left_out(Evidence(now=START, entities=[], loads={}, generation=shown))
    assert (found.id, found.severity) == ("left_out:rawg.genres", Severity.P1)
    assert ("a part is cut" in found.message, "a part is cut" in found.message_ko) == (True, True)


def test_the_task_finds_late_loads_and_succeeds(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake is of the past: every load is stale, and every service level is missed. The marts are late."""
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    lake = NightLake(disk)
    lake.loads("2026-01-05")
    module: Any = importlib.import_module("dags.data_quality")
    answer = module.check.function()
    levels = len(load_objectives())
    assert answer == {"report": 1, "is_new": True, "open": {"P0": len(lake.commits), "P2": levels}}
    assert [each.key for each in Incidents(disk).open()] == ["transform.late"], "one fault, one message"


def test_a_silent_capture_is_an_incident_while_its_source_is_on(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    module: Any = importlib.import_module("dags.data_quality")
    NightLake(disk).loads(NIGHT)

    def told(silent: timedelta | None, switched_on: str = "shop") -> bool:
        monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", switched_on)
        if silent is not None:
            write_sign(disk, "shop", CaptureSign(at=datetime.now(UTC) - silent, database="1/shop", slot="s"))
        module.check.function()
        return "quality.silence.silence" in {each.key for each in Incidents(disk).open()}

    assert not told(None), "nothing was captured yet"
    assert not told(timedelta(minutes=50))
    assert told(timedelta(minutes=70))
    (incident,) = Incidents(disk).open("quality.silence")
    (failure,) = incident.failures
    assert failure.part == "shop"
    assert not told(timedelta(minutes=1)), "it is back"
    assert told(timedelta(hours=3))
    assert not told(None, switched_on="")


def test_what_fails_of_a_source_is_over_once_the_source_is_switched_off(
    disk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    incidents = Incidents(disk)
    module: Any = importlib.import_module("dags.data_quality")
    NightLake(disk).loads(NIGHT)
    incidents.fail(Fault(scope="load.rawg", kind="source", part="games", night=NIGHT, cause="503"))

    def left(switched_on: str) -> set[str]:
        monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", switched_on)
        record(disk, [found("volume", "rawg.games", Severity.P1)], at=START, generation=None)
        incidents.fail(Fault(scope="quality.volume", kind="volume", part="rawg.games", night=NIGHT, cause="odd"))
        module.check.function()
        return {each.key for each in incidents.open()} & {"load.rawg.source", "quality.volume.volume"}

    assert left("rawg") == {"load.rawg.source"}, "the finding is over, the load still fails"
    assert left("") == set()
    (over,) = incidents.newest("load.rawg")
    assert over.missed == (f"games {NIGHT}",)


def test_the_task_fails_if_the_lake_cannot_be_checked(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    lake = NightLake(disk)
    lake.publish(lake.build("2026-01-05", at=moment("2026-01-05", "04:16")), at=moment("2026-01-05", "04:17"))
    disk.put("marts/_current.json", b"{")
    module: Any = importlib.import_module("dags.data_quality")
    with pytest.raises(AirflowFailException, match=r"marts/_current\.json"):
        module.check.function()
    assert findings.current(disk) is None


NODE = """
{"nodes": {"model.gamelake.mart_x": {"name": "mart_x", "resource_type": "model", "fqn": ["gamelake", "marts", "mart_x"],
 "columns": {"rank": {}}, "config": {"materialized": "parquet_file", "meta": {"quality": %s}}}}}
"""


@pytest.mark.parametrize(
    ("declared", "key", "found"),
    [
        ('{"max_drift": -1}', "max_drift", -1),
        ('{"max_drfit": 0.1}', "max_drfit", 0.1),
        ('{"max_null_change": "much"}', "max_null_change", "much"),
        ('{"scores": ["rank", "score"]}', "scores", "score"),
    ],
)
def test_a_wrong_threshold_names_its_place(tmp_path: Path, declared: str, key: str, found: Any) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(NODE % declared)
    with pytest.raises(ThresholdError) as caught:
        watched_marts(manifest)
    assert (caught.value.key, caught.value.found) == (f"mart_x: config.meta.quality.{key}", found)


def test_the_thresholds_of_a_mart_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(NODE % '{"max_drift": 0.4, "scores": ["rank"]}')
    assert watched_marts(manifest)["mart_x"].thresholds.max_drift == 0.4
    real = watched_marts()
    assert real["mart_top_rated"].references == {"game_id": ("dim_games", "game_id")}
    assert real["bridge_game_company"].references["company_id"] == ("dim_companies", "company_id")
    assert real["fct_game_changes"].references == {}, "a deleted game is in no dim_games"
    assert "genre_names" in real["dim_games"].thresholds.lookups

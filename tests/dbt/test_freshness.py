"""`dbt source freshness`: how long ago each entity's load was committed, by the wall clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gamelake.cli.main import main
from gamelake.days import KST
from gamelake.marts import dbt_project
from gamelake.registry import load_sources
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake


def test_a_night_that_is_missing_warns_and_two_fail(dbt: Dbt, lake: Lake) -> None:
    hours = {"games": 29.9, "genres": 30.1, "themes": 53.9, "covers": 54.1, "popscore": 4000}
    generation = lake.generation()
    inputs = lake.inputs()
    for place, each in enumerate(inputs["sources"]):
        zone = (UTC, KST)[place % 2]  # one moment, however it is written
        each["committed_at"] = (datetime.now(zone) - timedelta(hours=hours.get(each["entity"], 0))).isoformat()
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    done = dbt("source", "freshness", generation=generation)
    assert not done.success
    found = {name: status for name, status in done.statuses.items() if "on-run-" not in name}
    assert set(found) == {*load_sources()["igdb"].entities, "popscore_newest"}
    assert {name: status for name, status in found.items() if status != "pass"} == {
        "genres": "warn",
        "themes": "warn",
        "covers": "error",
        "popscore": "error",
        "popscore_newest": "error",
    }


def publish(lake: Lake, hours: Any) -> Any:
    """A published generation whose loads are so old. Returns: its key."""
    generation = lake.generation()
    inputs = lake.inputs()
    for each in inputs["sources"]:
        age = timedelta(hours=hours.get(each["entity"], 1))
        each["committed_at"] = (datetime.now(UTC) - age).isoformat()
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    return lake.show(generation)


@pytest.fixture
def freshness(lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command. Returns: its exit code, what it verdict and its errors."""
    lake.root.mkdir(parents=True)
    monkeypatch.setenv("GAMELAKE_URI", lake.root.as_uri())

    def run() -> Any:
        code = main(["marts", "freshness"])
        return code, *capsys.readouterr()

    return run


def test_the_command_shows_the_age_of_each_load_that_readers_see(lake: Lake, freshness: Any) -> None:
    code, _, error = freshness()
    assert (code, "nothing is published yet" in error) == (1, True)

    hours = {"games": 29.9, "genres": 30.1, "themes": 53.9, "covers": 54.1, "popscore": 4000}
    key = publish(lake, hours)
    code, out, _ = freshness()
    assert code == 1
    assert out.splitlines()[:2] == [
        str(lake.root),
        f"Readers have 2026-11-21, published 2026-11-21 04:30 KST: {key}",
    ]
    lines = [line.split() for line in out.splitlines()[3 : 4 + len(load_sources()["igdb"].entities)]]
    assert lines[0] == ["table", "day", "committed", "(KST)", "hours", "ago", "verdict"]
    found = {
        name.removeprefix("igdb."): (float(age.replace(",", "")), verdict) for name, _, _, _, age, verdict in lines[1:]
    }
    assert set(found) == set(load_sources()["igdb"].entities)
    verdicts = {"games": "fresh", "genres": "late", "themes": "late", "covers": "stale", "popscore": "stale"}
    for entity, (age, verdict) in found.items():
        assert (age, verdict) == (hours.get(entity, 1.0), verdicts.get(entity, "fresh")), entity
    committed = datetime.now(KST) - timedelta(hours=4000)
    assert f"{committed:%Y-%m-%d}" in out
    loads = len(found)
    *_, figures, absent, shop = out.splitlines()
    assert figures == f"{loads} loads: {loads - 4} fresh, 2 late (a load is missing), 2 stale (two loads are missing)"
    assert absent.startswith("RAWG is off, or was not loaded yet. Read as empty: rawg.genres, ")
    assert shop == "SHOP is off, or was not loaded yet. Read as empty: shop.orders, shop.order_items"


def test_a_source_that_may_be_off_is_no_error(lake: Lake, freshness: Any) -> None:
    generation = lake.generation()
    inputs = lake.inputs()
    inputs["absent"] = [each for each in inputs["absent"] if each["entity"] != "genres"]
    stale = {**inputs["sources"][0], "source": "rawg", "entity": "genres", "committed_at": "2020-01-01T00:00:00+00:00"}
    for each in inputs["sources"]:
        each["committed_at"] = datetime.now(UTC).isoformat()
    inputs["sources"] = [*inputs["sources"], stale]
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    lake.show(generation)
    code, out, _ = freshness()
    assert (code, "rawg.genres" in out, " 0 late, 1 stale (two loads are missing)" in out) == (0, True, True)
    assert "The exit status leaves out sources that may be off" in out


def test_a_late_night_is_no_error(lake: Lake, freshness: Any) -> None:
    publish(lake, {"genres": 40})
    assert freshness()[0] == 0


def test_a_generation_that_is_not_whole_is_named(lake: Lake, freshness: Any) -> None:
    key = publish(lake, {})
    (lake.root / key / "_inputs.json").unlink()
    code, _, error = freshness()
    assert (code, f"{key}/_inputs.json" in error) == (1, True)


@pytest.mark.slow
def test_what_has_been_parsed_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dbt_project.environment().items():
        monkeypatch.setenv(name, value)  # as they are, and as they will be when the parse has set them
    monkeypatch.setattr(dbt_project, "MANIFEST", tmp_path / "setup" / "manifest.json")
    parsed = {}
    for name in ("setup", "freshness"):
        dbt_project.parse(tmp_path / name)
        parsed[name] = json.loads((tmp_path / name / "perf_info.json").read_text())["parsed_path_count"]
    assert parsed["setup"] > 100
    assert parsed["freshness"] == 0

"""`dbt source freshness`: how long ago each entity's load was committed, by the wall clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from include.partitions import KST
from include.registry import load_registry
from include.transform import dbt_project
from include.transform.dbt_project import REPOSITORY


def test_a_night_that_is_missing_warns_and_two_fail(dbt, lake):
    hours = {"games": 29.9, "genres": 30.1, "themes": 53.9, "covers": 54.1, "popscore": 4000}
    generation = lake.generation()
    inputs = lake.inputs()
    for place, each in enumerate(inputs["sources"]):
        zone = (UTC, KST)[place % 2]  # one moment, however it is written
        each["committed_at"] = (datetime.now(zone) - timedelta(hours=hours.get(each["entity"], 0))).isoformat()
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    done = dbt("source", "freshness", generation=generation)
    assert not done.success
    found = {name: status for name, status in done.statuses.items() if "on-run-start" not in name}
    assert set(found) == {*load_registry(), "popscore_newest"}
    assert {name: status for name, status in found.items() if status != "pass"} == {
        "genres": "warn",
        "themes": "warn",
        "covers": "error",
        "popscore": "error",
        "popscore_newest": "error",
    }


def published_freshness(lake):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GAMELAKE_"))}
    return subprocess.run(
        [sys.executable, "-m", "include.transform.freshness"],
        cwd=REPOSITORY,
        env={**environment, "GAMELAKE_URI": lake.root.as_uri(), "GAMELAKE_DUCKDB": str(lake.root / "scratch.duckdb")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_asks_of_the_generation_that_readers_see(lake):
    lake.root.mkdir(parents=True)
    nothing = published_freshness(lake)
    assert nothing.returncode == 1
    assert "nothing is published yet" in nothing.stderr

    lake.committed_at = datetime.now(UTC) - timedelta(hours=60)
    generation = lake.generation()
    pointer = {"generation": str(generation.relative_to(lake.root))}
    (lake.root / "marts/_current.json").write_text(json.dumps(pointer))
    stale = published_freshness(lake)
    assert stale.returncode == 1
    assert stale.stdout.count("ERROR STALE freshness of raw.") == len(load_registry()) + 1
    assert "full parse" not in stale.stdout
    assert not (lake.root / "scratch.duckdb").exists()


def test_what_has_been_parsed_is_not_parsed_again(tmp_path, monkeypatch):
    for name, value in dbt_project.environment().items():
        monkeypatch.setenv(name, value)  # as they are, and as they will be when the parse has set them
    monkeypatch.setattr(dbt_project, "MANIFEST", tmp_path / "setup" / "manifest.json")
    parsed = {}
    for name in ("setup", "freshness"):
        dbt_project.parse(tmp_path / name)
        parsed[name] = json.loads((tmp_path / name / "perf_info.json").read_text())["parsed_path_count"]
    assert parsed["setup"] > 100
    assert parsed["freshness"] == 0

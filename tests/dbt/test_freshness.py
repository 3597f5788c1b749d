"""`dbt source freshness`: how long ago each entity's load was committed, by the wall clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from include.registry import load_registry


def freshness(done):
    """The status of each source table, without that of the hook that makes them."""
    return {name: status for name, status in done.statuses.items() if "on-run-start" not in name}


@pytest.mark.parametrize(
    ("hours", "status"), [(0, "pass"), (29.9, "pass"), (30.1, "warn"), (53.9, "warn"), (54.1, "error")]
)
def test_a_night_that_is_missing_warns_and_two_fail(dbt, lake, hours, status):
    lake.committed_at = datetime.now(UTC) - timedelta(hours=hours)
    done = dbt("source", "freshness", generation=lake.generation())
    assert done.success == (status != "error")
    assert freshness(done) == dict.fromkeys([*load_registry(), "popscore_newest"], status)


def test_each_entity_is_judged_by_its_own_commit(dbt, lake):
    lake.committed_at = datetime.now(UTC)
    generation = lake.generation()
    inputs = lake.inputs()
    late = next(source for source in inputs["sources"] if source["entity"] == "themes")
    # another zone, as another machine may write it
    late["committed_at"] = "2026-06-08T04:05:00+09:00"
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    done = dbt("source", "freshness", generation=generation)
    assert {name: status for name, status in freshness(done).items() if status != "pass"} == {"themes": "error"}
    sources = json.loads((dbt.folder / "sources.json").read_text("utf-8"))["results"]
    loaded = {each["unique_id"].split(".")[-1]: each["max_loaded_at"] for each in sources}
    assert datetime.fromisoformat(loaded["themes"]) == datetime(2026, 6, 7, 19, 5, tzinfo=UTC)

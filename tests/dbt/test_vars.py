"""The vars of docs/reference/data-model.md: each builds and passes its tests; a wrong one is named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.dbt import DBT, Dbt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.raw_lake import Lake

OTHERS: dict[str, Any] = {
    "main_game_types": [0],
    "mart_game_types": "all",
    "unreleasable_game_statuses": [6],
    "rating_prior_votes": 20,
    "minimum_evidence": 0.75,
    "growth_tolerance_days": 3,
    "growth_minimum_count": 5,
}
"""For each var except `as_of` a value that is not the default."""


def check_builds(lake: Lake, folder: Path, variables: dict[str, Any], name: str) -> None:
    """Everything, unit tests too: nothing fails and nothing is left out."""
    dbt = Dbt(folder, variables=variables)
    done = dbt("build", generation=lake.generation(name))
    well = {"success", "pass", "warn", "no-op"}  # nothing is done for an exposure
    bad = {node: (status, done.messages[node]) for node, status in done.statuses.items() if status not in well}
    assert (done.success, bad, done.error) == (True, {}, "")


def test_all_vars_together_build(small_lake: Lake, tmp_path: Path) -> None:
    project = yaml.safe_load((DBT / "dbt_project.yml").read_text("utf-8"))
    assert {"as_of", *OTHERS} == set(project["vars"])
    assert all(project["vars"][name] != value for name, value in OTHERS.items())
    check_builds(small_lake, tmp_path, OTHERS, "others")


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_each_var_builds_alone(small_lake: Lake, tmp_path: Path, name: str) -> None:
    check_builds(small_lake, tmp_path, {name: OTHERS[name]}, f"only-{name}")


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        (
            {"game_types": "all"},
            "var game_types: no such var; expected one of as_of, main_game_types, mart_game_types, ",
        ),
        ({"main_game_types": 0}, "var main_game_types: found 0, expected a list of one id or more, such as [0, 8, 9]"),
        ({"main_game_types": []}, "var main_game_types: found [], expected a list of one id or more"),
        ({"minimum_evidence": "lots"}, "var minimum_evidence: found lots, expected a number from 0 to 1"),
        ({"growth_tolerance_days": 1.5}, "var growth_tolerance_days: found 1.5, expected a whole number from 0 on"),
        ({"mart_game_types": "mian"}, "var mart_game_types: found mian, expected main or all"),
        ({"as_of": "2026-13-45"}, "date: found '2026-13-45', expected a Korean day as YYYY-MM-DD"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_wrong_var_is_named(lake: Lake, tmp_path: Path, variables: dict[str, Any], printed: str) -> None:
    lake.root.mkdir(parents=True)
    dbt = Dbt(tmp_path, variables=variables, GAMELAKE_URI=lake.root.as_uri())
    done = dbt("build", generation=None if "as_of" in variables else lake.generation())
    assert not done.success
    assert printed in " ".join([done.error, *done.messages.values()])


def test_part_of_a_build_takes_nothing_that_was_built_otherwise(small_lake: Lake, tmp_path: Path) -> None:
    """The file would say vars that it was not built with."""
    everything = Dbt(tmp_path / "built")
    assert everything("run", generation=small_lake.generation("whole")).success
    assert everything("run", "-s", "mart_top_rated", generation=small_lake.generation("part")).success

    prior = Dbt(tmp_path / "built", variables={"rating_prior_votes": 20})
    refused = prior("run", "-s", "mart_top_rated", generation=small_lake.generation("refused"))
    assert not refused.success
    printed = " ".join([refused.error, *refused.messages.values()])
    assert re.search(r"mart_top_rated: found \w+ in the scratch database as another build left it", printed)
    assert "Build it too: dbt run --select +mart_top_rated" in printed
    assert prior("run", "-s", "+mart_top_rated", generation=small_lake.generation("with-parents")).success
    mixed = everything("run", "-s", "mart_hidden_gems", generation=small_lake.generation("mixed"))
    assert not mixed.success, "its ratings are those of the other prior now"


def test_a_finished_generation_is_not_written_again(small_lake: Lake, dbt: Dbt) -> None:
    """Clearing dbt's tasks alone, of a run that has published."""
    generation = small_lake.generation("finished")
    (generation / "_generation.json").write_text("{}")
    done = dbt("run", "-s", "stg_run", generation=generation)
    assert not done.success
    assert "_generation.json, expected a generation that is not finished" in " ".join(
        [done.error, *done.messages.values()]
    )

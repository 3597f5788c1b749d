"""The vars of docs/reference/data-model.md: each builds and passes its tests; a wrong one is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.dbt import DBT, Dbt

if TYPE_CHECKING:
    from collections.abc import Callable
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
    "top_rated_minimum_ratings": 4,
    "hidden_minimum_reviews": 40,
    "hidden_minimum_share": 0.7,
    "hidden_maximum_reach": 55.5,
    "controversial_maximum_share": 0.6,
    "controversial_minimum_percentile": 20,
}
"""For each var except `as_of` a value that is not the default."""


@pytest.fixture(scope="module")
def other(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Dbt]:
    """`other(variables, uri)`: dbt with these vars and a database of its own, without parsing the project again."""
    manifest = dbt.parse()

    def make(variables: dict[str, Any], uri: str = "") -> Dbt:
        folder = tmp_path_factory.mktemp("other")
        return Dbt(folder, variables=variables, manifest=manifest, GAMELAKE_URI=uri)

    return make


def check_builds(lake: Lake, dbt: Dbt, name: str, *options: str) -> None:
    """Nothing fails and nothing is left out."""
    done = dbt("build", *options, generation=lake.generation(name))
    well = {"success", "pass", "warn", "no-op"}  # nothing is done for an exposure
    bad = {node: (status, done.messages[node]) for node, status in done.statuses.items() if status not in well}
    assert (done.success, bad, done.error) == (True, {}, "")


@pytest.mark.e2e
def test_all_vars_together_build(small_lake: Lake, other: Callable[..., Dbt]) -> None:
    project = yaml.safe_load((DBT / "dbt_project.yml").read_text("utf-8"))
    assert {"as_of", *OTHERS} == set(project["vars"])
    assert all(project["vars"][name] != value for name, value in OTHERS.items())
    # The project's rules see to it that unit tests have vars of their own; those below run them too.
    check_builds(small_lake, other(OTHERS), "others", "--exclude-resource-type", "unit_test")


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_each_var_builds_alone(small_lake: Lake, other: Callable[..., Dbt], name: str) -> None:
    check_builds(small_lake, other({name: OTHERS[name]}), f"only-{name}")


LIST, NUMBER = "expected a list of one id or more, such as [", "expected a number from 0 to 1"
WHOLE, DAY = "expected a whole number from", "expected a Korean day"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("main_game_types", 0, f"found 0, {LIST}0, 8, 9]"),
        ("main_game_types", [], f"found [], {LIST}"),
        ("main_game_types", [0, True], f"found [0, true], {LIST}"),
        ("unreleasable_game_statuses", "67", f'found "67", {LIST}6, 7]'),
        ("unreleasable_game_statuses", {"6": 7}, f'found {{"6": 7}}, {LIST}'),
        ("mart_game_types", "mian", 'found "mian", expected main or all'),
        ("mart_game_types", ["main"], 'found ["main"], expected main or all'),
        ("minimum_evidence", "lots", f'found "lots", {NUMBER}'),
        ("minimum_evidence", 1.01, f"found 1.01, {NUMBER}"),
        ("minimum_evidence", True, f"found true, {NUMBER}"),
        ("rating_prior_votes", -1, f"found -1, {NUMBER}"),
        ("rating_prior_votes", None, f"found null, {NUMBER}"),
        ("growth_tolerance_days", 1.5, f"found 1.5, {WHOLE} 0 to 365"),
        ("growth_tolerance_days", 366, f"found 366, {WHOLE} 0 to 365"),
        ("growth_minimum_count", 0, f"found 0, {WHOLE} 1 to 1000000"),
        ("hidden_maximum_reach", 100.5, f"found 100.5, {NUMBER}00"),
        ("game_types", "all", "no such var; expected one of as_of, main_game_types, mart_game_types, "),
        ("as_of", "2026-13-45", f"found '2026-13-45', {DAY} as YYYY-MM-DD"),
        ("as_of", "9999-12-31", f"found '9999-12-31', {DAY} from 2011-01-01 to 2199-12-31"),
        ("as_of", 20261121, f"found '20261121', {DAY}"),
        ("as_of", 0, f"found '0', {DAY}"),
        ("as_of", "", f"found '', {DAY}"),
        ("as_of", ["2026-11-21"], f"found \"['2026-11-21']\", {DAY}"),
    ],
)
def test_a_wrong_var_is_named(lake: Lake, other: Callable[..., Dbt], name: str, value: Any, expected: str) -> None:
    """In one sentence, before anything is built. A model that is not built would have read it, too."""
    lake.root.mkdir(parents=True)
    dbt = other({name: value}, lake.root.as_uri())
    done = dbt("build", "-s", "stg_run", generation=None if name == "as_of" else lake.generation())
    assert not done.success
    assert done.statuses.get("stg_run") in {None, "skipped"}
    assert f"var {name}: {expected}" in " ".join([done.error, *done.messages.values()])


def test_a_wrong_var_is_named_while_the_project_is_parsed(lake: Lake, tmp_path: Path) -> None:
    done = Dbt(tmp_path, variables={"main_game_types": 0})("build", generation=lake.generation())
    assert "var main_game_types: found 0, expected a list" in done.error


@pytest.mark.e2e
def test_part_of_a_build_takes_nothing_that_was_built_otherwise(small_lake: Lake, dbt: Dbt, tmp_path: Path) -> None:
    """The file would say vars that it was not built with."""
    manifest = dbt.parse()
    everything = Dbt(tmp_path, manifest=manifest)
    assert everything("run", generation=small_lake.generation("whole")).success
    assert everything("run", "-s", "mart_top_rated", generation=small_lake.generation("part")).success

    prior = Dbt(tmp_path, variables={"rating_prior_votes": 20}, manifest=manifest)
    refused = prior("run", "-s", "mart_top_rated", generation=small_lake.generation("refused"))
    assert not refused.success
    printed = " ".join([refused.error, *refused.messages.values()])
    assert re.search(r"mart_top_rated: found \w+ in the scratch database as another build left it", printed)
    assert "Build it too: dbt build --select +mart_top_rated" in printed
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

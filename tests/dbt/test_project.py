"""The dbt project keeps to its rules, and a project that breaks one is told so."""

from __future__ import annotations

import copy
import json
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dbt.jsonschemas import jsonschemas

from gamelake.marts.dbt_project import PROJECT
from tests.dbt.project import Project
from tests.dbt.project_rules import RULES
from tests.support.dbt import Dbt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Manifest = dict[str, Any]
# Everything is parsed again, and a warning is an error.
STRICT = ("--no-partial-parse", "--show-all-deprecations", "--warn-error")


# (rule, subject): why it is meant to be so. A star stands for any text. One that nothing needs fails the tests.
EXCEPTIONS = {
    ("staging_reads_no_other_staging", "stg_igdb__popscore*"): "whose figure a value is follows from its type",
    (
        "one_source_a_model",
        "base_file_row_counts",
    ): "counts the rows of every source, and reads ids only",
    ("no_join_of_a_source_with_a_model", "stg_*__games"): "its base model has the rows; the source has their claims",
    ("no_join_of_a_source_with_a_model", "base_file_row_counts"): "accounts for the rows of every source in one place",
    ("no_join_of_a_source_with_a_model", "stg_igdb__popscore*"): "whose figure a value is follows from its type",
    ("few_parents", "dim_games"): "a wide dimension: each join but the releases' is to one name table, by its key",
    ("few_leaves", "dim_games"): "every marketing mart ranks games, every bridge links them",
    ("few_leaves", "fct_game_popularity"): "half of the marketing marts rank by popularity",
    ("few_leaves", "stg_previous_ranks"): "every marketing mart shows what its ranks were",
    ("few_leaves", "stg_run"): "every marketing mart has the day that is built",
    ("every_source_is_read", "inputs.previous"): "the hook reads it, to make inputs.previous_ranks",
    ("every_source_is_read", "inputs.absent"): "the hook reads it, to make empty views",
    ("every_source_is_read", "inputs.feed_files"): "the hook reads it, to make the views of change feeds",
    ("few_parents", "int_igdb_names"): "one name table for each kind of id, without a join between them",
    ("sources_have_freshness", "feeds.*"): "fct_game_change_steps states up to which commit it is known",
    ("primary_key_tested", "stg_feeds__igdb_games"): "it is read once, by int_game_changes, which has the key tested",
    ("every_macro_is_used", "spark__get_empty_schema_sql"): "dbt's own macro of contracts dispatches to it",
    ("every_macro_is_used", "export_marts"): "`dbt run-operation` calls it, for include/gamelake/marts/spark.py",
    ("sources_have_freshness", "inputs.*"): "the run itself makes them",
    ("files_have_one_order", "fct_game_popularity_daily"): "each day is a file of its own, in the order of its games",
    (
        "primary_key_tested",
        "stg_igdb__popscore_day",
    ): "day after day; fct_game_popularity_daily has the key tested",
    ("primary_key_tested", "fct_game_popularity_daily.day"): "the name of the folder that the rows lie in, never null",
}


def check(
    manifest: Manifest, rules: Sequence[Callable[..., Any]] = RULES
) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """The rules over a manifest: message by (rule, subject) of what no exception covers; and the exceptions in use."""
    project, broken, needed = Project(manifest), {}, set()
    for rule in rules:
        for subject, message in rule(project):
            covering = {key for key in EXCEPTIONS if key[0] == rule.__name__ and fnmatchcase(subject, key[1])}
            needed |= covering
            if not covering:
                broken[rule.__name__, subject] = message
    return broken, needed


@pytest.fixture(scope="module")
def manifest(dbt: Dbt) -> Manifest:
    assert dbt("parse", generation=None).success
    parsed: Manifest = json.loads((dbt.folder / "manifest.json").read_text("utf-8"))
    return parsed


def test_no_rule_is_broken(manifest: Manifest) -> None:
    broken, _ = check(manifest)
    assert not broken


def test_every_exception_is_needed_and_has_its_reason(manifest: Manifest) -> None:
    _, needed = check(manifest)
    assert needed == set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


def model(manifest: Manifest, name: str) -> dict[str, Any]:
    node: dict[str, Any] = manifest["nodes"][f"model.gamelake.{name}"]
    return node


def source(manifest: Manifest, name: str) -> dict[str, Any]:
    node: dict[str, Any] = manifest["sources"][f"source.gamelake.{name}"]
    return node


def depend(manifest: Manifest, name: str, *parents: str) -> None:
    """Make a model depend on more models, or sources (`igdb.games`)."""
    keys = [f"{'source' if '.' in parent else 'model'}.gamelake.{parent}" for parent in parents]
    model(manifest, name)["depends_on"]["nodes"] += keys


def add(manifest: Manifest, name: str, like: str, *parents: str) -> None:
    """Add a model that differs from another in its name and in what it depends on."""
    node = copy.deepcopy(model(manifest, like)) | {"name": name, "unique_id": f"model.gamelake.{name}"}
    manifest["nodes"][node["unique_id"]] = node
    node["depends_on"]["nodes"] = []
    depend(manifest, name, *parents)


def drop_tests(manifest: Manifest, name: str, *kinds: str) -> None:
    """Take the tests of these kinds from a model."""
    attached = f"model.gamelake.{name}"
    manifest["nodes"] = {
        key: node
        for key, node in manifest["nodes"].items()
        if not (node.get("attached_node") == attached and node["test_metadata"]["name"] in kinds)
    }


def four_marts(manifest: Manifest) -> None:
    for number in range(4):
        add(manifest, f"mart_{number}", "mart_top_rated", "stg_igdb__covers")


def chain_of_views(manifest: Manifest) -> None:
    for number, parent in enumerate(["stg_igdb__games", "int_0", "int_1", "int_2"]):
        add(manifest, f"int_{number}", "int_game_ratings", parent)
        model(manifest, f"int_{number}")["config"]["materialized"] = "view"


def without_utc(manifest: Manifest) -> None:
    for each in [*manifest["nodes"].values(), *manifest["macros"].values()]:
        used = each["depends_on"].get("macros", [])
        each["depends_on"]["macros"] = [key for key in used if key != "macro.gamelake.utc"]


STAGED = (
    "stg_igdb__genres",
    "stg_igdb__themes",
    "stg_igdb__covers",
    "stg_igdb__platforms",
    "stg_igdb__game_modes",
    "stg_igdb__game_types",
)

# (rule, subject, what is done to the manifest): the rule then finds the subject.
BROKEN: list[tuple[str, str, Callable[[Manifest], Any]]] = [
    ("no_roots", "stg_run", lambda m: model(m, "stg_run")["depends_on"].update(nodes=[])),
    ("sources_are_read_by_staging", "dim_games", lambda m: depend(m, "dim_games", "igdb.games")),
    ("sources_are_read_by_staging", "fct_load_accounting", lambda m: depend(m, "fct_load_accounting", "inputs.files")),
    (
        "no_join_of_a_source_with_a_model",
        "stg_igdb__genres",
        lambda m: depend(m, "stg_igdb__genres", "stg_igdb__games"),
    ),
    ("one_source_a_model", "stg_igdb__genres", lambda m: depend(m, "stg_igdb__genres", "igdb.themes")),
    ("one_model_a_source", "igdb.genres", lambda m: add(m, "stg_kinds", "stg_igdb__genres", "igdb.genres")),
    ("every_source_is_read", "inputs.days", lambda m: model(m, "stg_popularity_days")["depends_on"].update(nodes=[])),
    ("no_source_twice", "igdb.games", lambda m: source(m, "igdb.games").update(source(m, "igdb.genres"), name="games")),
    ("staging_reads_nothing_later", "stg_igdb__games", lambda m: depend(m, "stg_igdb__games", "dim_games")),
    ("staging_reads_no_other_staging", "stg_igdb__covers", lambda m: depend(m, "stg_igdb__covers", "stg_igdb__games")),
    ("no_rejoining", "stg_igdb__covers", lambda m: depend(m, "stg_igdb__covers", "stg_igdb__games")),
    ("few_parents", "dim_companies", lambda m: depend(m, "dim_companies", *STAGED)),
    ("few_leaves", "stg_igdb__covers", four_marts),
    ("short_chains_of_views", "int_3", chain_of_views),
    ("no_hard_coded_references", "dim_games", lambda m: model(m, "dim_games").update(raw_code="select 1 from main.x")),
    (
        "no_hard_coded_references",
        "stg_run",
        lambda m: model(m, "stg_run").update(
            raw_code="with a as ({{ b() }}) select 1 from a join stg_igdb__games using (id)"
        ),
    ),
    (
        "sql_that_spark_takes_too",
        "stg_run",
        lambda m: model(m, "stg_run").update(raw_code='select "day" from {{ source("inputs", "run") }}'),
    ),
    (
        "sql_that_spark_takes_too",
        "stg_igdb__genres",
        lambda m: model(m, "stg_igdb__genres").update(
            raw_code='select id, {% if a %} name, {% endif %} from {{ ref("b") }}'
        ),
    ),
    ("names_tell_the_folder", "game_ratings", lambda m: add(m, "game_ratings", "int_game_ratings", "dim_games")),
    ("names_tell_the_folder", "dim_marketing", lambda m: add(m, "dim_marketing", "mart_top_rated", "dim_games")),
    (
        "one_yaml_a_model",
        "stg_igdb__themes",
        lambda m: model(m, "stg_igdb__themes").update(patch_path="gamelake://models/all.yml"),
    ),
    (
        "every_macro_is_used",
        "top_n_with_previous_rank",
        lambda m: [each["depends_on"].update(macros=[]) for each in m["nodes"].values()],
    ),
    ("every_macro_is_used", "spark__utc", without_utc),
    ("everything_is_described", "stg_run", lambda m: model(m, "stg_run").update(description=" ")),
    ("everything_is_described", "igdb.games", lambda m: source(m, "igdb.games").update(description="")),
    ("everything_is_described", "stg_run.day", lambda m: model(m, "stg_run")["columns"]["day"].update(description="")),
    ("every_doc_block_is_used", "new", lambda m: m["docs"].update(new={"name": "new", "package_name": "gamelake"})),
    ("sources_have_freshness", "igdb.games", lambda m: source(m, "igdb.games").update(freshness=None)),
    ("sources_have_freshness", "igdb.games", lambda m: source(m, "igdb.games").update(loaded_at_query=None)),
    ("primary_key_tested", "stg_igdb__genres", lambda m: drop_tests(m, "stg_igdb__genres", "primary_key")),
    (
        "primary_key_tested",
        "stg_igdb__games",
        lambda m: [each["config"].update(severity="warn") for each in m["nodes"].values()],
    ),
    (
        "an_optional_source_fails_no_build",
        "rarely_stg_rawg__games_name_is_null",
        lambda m: [each["config"].update(severity="ERROR") for each in m["nodes"].values() if "rawg" in each["name"]],
    ),
    (
        "what_may_not_be_passed_on_is_restricted",
        "mart_top_rated",
        lambda m: depend(m, "int_game_ratings", "stg_rawg__games"),
    ),
    (
        "what_may_not_be_passed_on_is_restricted",
        "fct_rawg_daily",
        lambda m: model(m, "fct_rawg_daily")["columns"].pop("attribution_url"),
    ),
    (
        "primary_key_tested",
        "fct_load_accounting.entity",
        lambda m: drop_tests(m, "fct_load_accounting", "not_null_columns"),
    ),
    ("access_follows_the_folder", "stg_igdb__games", lambda m: model(m, "stg_igdb__games").update(access="public")),
    ("access_follows_the_folder", "int_game_ratings", lambda m: model(m, "int_game_ratings").update(group="staging")),
    (
        "public_models_have_contracts",
        "dim_games",
        lambda m: model(m, "dim_games").update(contract={"enforced": False}),
    ),
    (
        "public_models_have_contracts",
        "dim_games.url",
        lambda m: model(m, "dim_games")["columns"]["url"].update(data_type=None),
    ),
    (
        "vars_are_read_by_setting",
        "dim_games",
        lambda m: model(m, "dim_games").update(raw_code="{{ var('mart_game_types') }}"),
    ),
    (
        "unit_tests_pin_their_vars",
        "main_games",
        lambda m: m["unit_tests"]["unit_test.gamelake.dim_games.main_games"].update(overrides=None),
    ),
    ("files_have_one_order", "dim_games", lambda m: model(m, "dim_games")["config"].update(meta={})),
    (
        "files_have_one_order",
        "dim_games",
        lambda m: model(m, "dim_games")["config"]["meta"].update(order_by="url desc"),
    ),
    ("files_have_one_order", "stg_igdb__games", lambda m: model(m, "stg_igdb__games").update(access="public")),
    ("public_models_are_exposed", "mart_new", lambda m: add(m, "mart_new", "mart_top_rated", "dim_games")),
    (
        "exposures_read_public_tables",
        "exposure.published_marts",
        lambda m: m["exposures"]["exposure.gamelake.published_marts"]["depends_on"]["nodes"].append(
            "model.gamelake.int_game_ratings"
        ),
    ),
    (
        "exposures_read_public_tables",
        "exposure.marketing_dashboard",
        lambda m: model(m, "mart_top_rated")["config"].update(materialized="view"),
    ),
]


@pytest.mark.parametrize(("rule", "subject", "damage"), BROKEN, ids=[f"{rule}-{name}" for rule, name, _ in BROKEN])
def test_a_broken_rule_is_found(manifest: Manifest, rule: Any, subject: Any, damage: Any) -> None:
    damaged = json.loads(json.dumps(manifest))
    damage(damaged)
    broken, _ = check(damaged, [each for each in RULES if each.__name__ == rule])
    assert (rule, subject) in broken


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, *_ in BROKEN} == {rule.__name__ for rule in RULES}


def test_a_model_in_no_known_folder_is_refused(manifest: Manifest) -> None:
    damaged = json.loads(json.dumps(manifest))
    model(damaged, "stg_run")["fqn"] = ["gamelake", "elsewhere", "stg_run"]
    with pytest.raises(KeyError, match=r"stg_run: found in .*elsewhere.*, expected one of"):
        check(damaged)


@pytest.fixture
def schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt holds YAML to its JSON schemas: most deprecations come from there, and it does so for four databases only."""
    monkeypatch.setattr(jsonschemas, "_JSONSCHEMA_SUPPORTED_ADAPTERS", {"duckdb"})


@pytest.mark.usefixtures("schemas")
def test_dbt_parses_the_project_without_a_warning(dbt: Dbt) -> None:
    done = dbt("parse", *STRICT, generation=None)
    assert done.success, done.error


@pytest.mark.usefixtures("schemas")
@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("models/staging/inputs/stg_run.yml", "    config:\n", "    colour: red\n    config:\n", "colour"),
        ("models/staging/inputs/stg_run.yml", "    config:\n", "    materialized: view\n    config:\n", "materialized"),
        ("dbt_project.yml", "  gamelake:\n    +materialized", "  gamelake:\n    materialized", "materialized"),
    ],
)
def test_what_dbt_deprecates_is_an_error(tmp_path: Path, file: str, old: str, new: str, named: str) -> None:
    project = tmp_path / "dbt"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    text = (project / file).read_text("utf-8")
    assert old in text
    (project / file).write_text(text.replace(old, new), "utf-8")
    done = Dbt(tmp_path / "target", project=project)("parse", *STRICT, generation=None)
    assert not done.success
    assert named in done.error

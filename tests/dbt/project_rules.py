"""The rules of dbt-project-evaluator, and some of our own, over dbt's manifest.json.

A rule is a function from a Project to what breaks it, as pairs of a subject and a message. The package itself comes
from dbt's hub, and needs a database for what can be read from the manifest.
"""

from __future__ import annotations

import re
from collections import Counter
from inspect import isfunction
from typing import TYPE_CHECKING, Any

from gamelake.registry import load_sources
from tests.dbt.project import Project, arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Finding = tuple[str, str]

MAX_PARENTS = 7
OPTIONAL = {name for name, source in load_sources().items() if source.optional}
RAW = tuple(f"{name}." for name in load_sources())
MAX_LEAVES = 3
# Sources whose terms forbid to pass their rows on, those that are internal, and what only counts rows of every source.
TO_BE_NAMED = ("rawg.",)
NOT_TO_PASS_ON = (*TO_BE_NAMED, "shop.")
ONLY_COUNTS = {"base_file_row_counts"}
MAX_VIEWS_IN_A_CHAIN = 3

# How the models of a folder are named, who may refer to them, and whose they are. The innermost folder decides.
FOLDERS = {
    "staging": (("stg_", "base_"), "protected", "staging"),
    "intermediate": (("int_",), "private", "marts"),
    "marts": (("bridge_", "dim_", "fct_"), "public", "marts"),
    "marketing": (("mart_",), "public", "marts"),
    "restricted": (("bridge_", "dim_", "fct_", "mart_"), "public", "marts"),
}

# What depends on what


def no_roots(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if not project.parents[model]:
            yield model, "depends on nothing: a model reads a source or another model"


def sources_are_read_by_staging(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if project.layer(model) != "staging" and (found := project.sources_of(model)):
            yield model, f"reads {sorted(found)}; only staging reads sources, so stage it there"


def no_join_of_a_source_with_a_model(project: Project) -> Iterator[Finding]:
    for model in project.models:
        others = project.parents[model] - set(project.sources)
        if project.sources_of(model) and others:
            yield model, f"reads a source and {sorted(others)}; stage the source first"


def one_source_a_model(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if len(found := project.sources_of(model, RAW)) > 1:
            yield model, f"reads {len(found)} sources; a staging model is about one"


def one_model_a_source(project: Project) -> Iterator[Finding]:
    for source in project.sources:
        readers = {each for each in project.children[source] if project.sources_of(each, RAW) == {source}}
        if len(readers) > 1:
            yield source, f"is read by {sorted(readers)}; stage it once and let the others refer to that"


def every_source_is_read(project: Project) -> Iterator[Finding]:
    for source in project.sources:
        if not project.children[source]:
            yield source, "no model reads it: stage it or take it out"


def no_source_twice(project: Project) -> Iterator[Finding]:
    relations = Counter(source["relation_name"] for source in project.sources.values())
    for name, source in project.sources.items():
        if relations[source["relation_name"]] > 1:
            yield name, f"{source['relation_name']} is declared more than once"


def staging_reads_nothing_later(project: Project) -> Iterator[Finding]:
    for model in project.models:
        later = {each for each in project.parents[model] & set(project.models) if project.layer(each) != "staging"}
        if project.layer(model) == "staging" and later:
            yield model, f"staging depends on {sorted(later)}"


def staging_reads_no_other_staging(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if project.layer(model) == "staging":
            others = {each for each in project.parents[model] & set(project.models) if project.layer(each) == "staging"}
            if others := {each for each in others if not each.startswith("base_")}:
                yield model, f"depends on {sorted(others)}; staging reads a source, or a base_ model"


def no_rejoining(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if len(project.children[model]) != 1 or (child := min(project.children[model])) not in project.models:
            continue
        if again := project.parents[model] & project.parents[child] - set(project.sources):
            yield model, f"only {child} reads it, which reads {sorted(again)} as well: make it a part of {child}"


def few_parents(project: Project) -> Iterator[Finding]:
    for model in project.models:
        if len(parents := project.parents[model] - set(project.sources)) > MAX_PARENTS:
            yield (
                model,
                f"joins {len(parents)} models, more than {MAX_PARENTS}; a model between would be read more easily",
            )


def few_leaves(project: Project) -> Iterator[Finding]:
    for model in project.models:
        leaves = {
            child
            for child in project.children[model] & set(project.models)
            if not project.children[child] & set(project.models)
        }
        if len(leaves) > MAX_LEAVES:
            yield model, f"{len(leaves)} models read it that nothing else reads, more than {MAX_LEAVES}"


def short_chains_of_views(project: Project) -> Iterator[Finding]:
    def length(model: str) -> int:
        if project.models[model]["config"]["materialized"] not in ("view", "ephemeral"):
            return 0
        return 1 + max((length(each) for each in project.parents[model] & set(project.models)), default=0)

    for model in project.models:
        if (views := length(model)) > MAX_VIEWS_IN_A_CHAIN:
            yield model, f"is the last of {views} views in a row, more than {MAX_VIEWS_IN_A_CHAIN}: make one a table"


# How it is written


def no_hard_coded_references(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        sql = _bare_sql(node)
        known = set(re.findall(r"(\w+)\s+as\s*\(", sql))
        for relation in re.findall(r'\b(?:from|join)\s+(?:lateral\s+)?+([\w".]+)\b(?!\s*\()', sql):
            if relation not in known:
                yield model, f"names the relation {relation}: write ref() or source()"


def sql_that_spark_takes_too(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        sql = _bare_sql(node)
        if quoted := re.search(r'"[^"]*"', sql):
            yield model, f"has the name {quoted[0]}, which is a text for Spark: choose a name that needs no quotes"
        if re.search(r",\s*from\b", sql):
            yield model, "has a comma before `from`, which Spark refuses"


def _bare_sql(node: dict[str, Any]) -> str:
    """The SQL of a model without comments, texts and statements of Jinja; what Jinja fills in is `()`."""
    sql = re.sub(r"\{#.*?#\}|\{%.*?%\}|--[^\n]*|'[^']*'", " ", node["raw_code"], flags=re.DOTALL)
    return re.sub(r"\{\{.*?\}\}", "()", sql, flags=re.DOTALL)


def names_tell_the_folder(project: Project) -> Iterator[Finding]:
    for model in project.models:
        prefixes, *_ = _convention(project, model)
        if not model.startswith(prefixes):
            yield model, f"is in {project.layer(model)}, where names begin with {' or '.join(prefixes)}"


def one_yaml_a_model(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        path = (node["patch_path"] or "nothing").split("://")[-1]
        if path != (expected := node["original_file_path"].removesuffix(".sql") + ".yml"):
            yield model, f"is described in {path}, expected {expected}"


def every_macro_is_used(project: Project) -> Iterator[Finding]:
    used = {key for user in project.users for key in user["depends_on"].get("macros", ())}
    for key, macro in project.macros.items():
        is_materialization = macro["name"].startswith("materialization_")  # config names it, and dbt finds it
        # What another target than that of the manifest dispatches to: spark__utc is used where utc is.
        dispatched = key.removesuffix(macro["name"]) + macro["name"].removeprefix("spark__")
        if not {key, dispatched} & used and not is_materialization:
            yield macro["name"], f"nothing calls it; it is in {macro['original_file_path']}"


def vars_are_read_by_setting(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        for name in re.findall(r"""\bvar\(["'](\w+)""", node["raw_code"]):
            yield model, f"reads var {name}; setting('{name}') names a wrong value"


def unit_tests_pin_their_vars(project: Project) -> Iterator[Finding]:
    """Else `dbt build --vars`, with any var that the model reads, fails where nothing is wrong."""
    for test in project.unit_tests:
        pinned = (test["overrides"] or {}).get("vars", {})
        if loose := sorted(_vars_of(project, project.models[test["model"]]) - set(pinned)):
            yield test["name"], f"{test['model']} reads {loose}: name them in `overrides: vars`"


def _vars_of(project: Project, user: Mapping[str, Any], *, seen: frozenset[str] = frozenset()) -> set[str]:
    """The vars that a model or a macro reads, and the macros that it calls."""
    code = user.get("raw_code") or user["macro_sql"]
    found = set(re.findall(r"""\b(?:var|setting)\(["'](\w+)""", code))
    for key in set(user["depends_on"]["macros"]) & set(project.macros) - seen:
        found |= _vars_of(project, project.macros[key], seen=seen | {key})
    return found


# Descriptions


def everything_is_described(project: Project) -> Iterator[Finding]:
    for name, node in {**project.models, **project.sources, **project.exposures}.items():
        if not node["description"].strip():
            yield name, "has no description"
    for name, source in project.sources.items():
        if not source["source_description"].strip():
            yield name, f"its source {source['source_name']} has no description"
    for model, node in project.models.items():
        if not node["columns"]:
            yield model, "has no columns in its YAML"
        for column in node["columns"].values():
            if not column["description"].strip():
                yield f"{model}.{column['name']}", "the column has no description"


def every_doc_block_is_used(project: Project) -> Iterator[Finding]:
    described = [*project.models.values(), *project.sources.values(), *project.exposures.values()]
    described += [column for node in described for column in node.get("columns", {}).values()]
    used = {key for each in described for key in each.get("doc_blocks", ())}
    for key, block in project.docs.items():
        if key not in used and not block["name"].startswith("__"):  # pages of dbt's docs
            yield block["name"], "no description uses this block of text"


def sources_have_freshness(project: Project) -> Iterator[Finding]:
    for name, source in project.sources.items():
        if OPTIONAL & {name.partition(".")[0]}:
            continue  # it may never be loaded
        freshness = source["freshness"] or {}
        if not all((freshness.get(limit) or {}).get("count") for limit in ("warn_after", "error_after")):
            yield name, "has no freshness: say after which time it warns and fails"
        elif not (source["loaded_at_query"] or source["loaded_at_field"]):
            yield name, "has no loaded_at_query: its age is unknown"


# What is tested


def primary_key_tested(project: Project) -> Iterator[Finding]:
    for model in project.models:
        known = {
            column for test in project.tests_of(model, "not_null_columns") for column in arguments(test)["columns"]
        }
        known |= {test["column_name"] for test in project.tests_of(model, "not_null", "primary_key")}
        keys = _keys(project, model)
        if not keys:
            yield (
                model,
                "its grain is not tested: add primary_key to a column, or unique_combination_of_columns",
            )
        for column in sorted(min((key - known for key in keys), key=len, default=())):
            yield f"{model}.{column}", "a part of the primary key without a test that it is never null"


def an_optional_source_fails_no_build(project: Project) -> Iterator[Finding]:
    """Where no build waits for a source, tests of its rows warn. A key holds by how a model is made."""
    kinds = ("accepted_range", "not_empty", "rarely", "rarely_repeated", "references_known", "rows_of_the_day")
    for model in project.models:
        if found := {source for source in project.origins(model) if OPTIONAL & {source.partition(".")[0]}}:
            for test in project.tests_of(model, *kinds):
                yield test["name"], f"{model} has rows of {sorted(found)}: give the test `severity: warn`"


def _keys(project: Project, model: str) -> list[set[str]]:
    """The sets of columns that a test requires to differ between any two rows."""
    keys = [{test["column_name"]} for test in project.tests_of(model, "primary_key", "unique")]
    return keys + [
        set(arguments(test)["combination_of_columns"])
        for test in project.tests_of(model, "unique_combination_of_columns")
    ]


# Who may rely on it


def access_follows_the_folder(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        _, *expected = _convention(project, model)
        if (found := [node["access"], node["group"]]) != expected:
            yield model, f"its access and group are {found}, expected {expected}"


def public_models_have_contracts(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        if node["access"] != "public":
            continue
        if not node["contract"]["enforced"]:
            yield model, "is public without a contract: what readers rely on has enforced types"
        for column in node["columns"].values():
            if not column["data_type"]:
                yield f"{model}.{column['name']}", "has no data_type"


def files_have_one_order(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        if node["access"] != "public":
            continue
        order = {part.strip().removesuffix(" desc") for part in node["config"]["meta"].get("order_by", "").split(",")}
        if unknown := order - set(node["columns"]):
            yield model, f"meta.order_by names {sorted(unknown)}, which are no columns of it"
        elif not any(key <= order for key in _keys(project, model)):
            yield model, "meta.order_by has no key: rows that are equal in it could change places from build to build"


def public_models_are_exposed(project: Project) -> Iterator[Finding]:
    for model, node in project.models.items():
        if node["access"] == "public" and "exposure.published_marts" not in project.children[model]:
            yield model, "is published, and the exposure published_marts does not list it"


def exposures_read_public_tables(project: Project) -> Iterator[Finding]:
    for exposure in project.exposures:
        for parent in sorted(project.parents[exposure]):
            model = project.models.get(parent)
            if model is None or model["access"] != "public":
                yield exposure, f"depends on {parent}, which is not public"
            elif model["config"]["materialized"] in ("view", "ephemeral"):
                yield exposure, f"depends on {parent}, which is not stored"


def what_may_not_be_passed_on_is_restricted(project: Project) -> Iterator[Finding]:
    """No CDN and no public page has the folder: docs/decisions/0034."""
    for model, node in project.models.items():
        if project.layer(model) != "marts":
            continue
        found = {each for each in project.origins(model, without=ONLY_COUNTS) if each.startswith(NOT_TO_PASS_ON)}
        is_restricted = "restricted" in project.folders(model)
        if found and not is_restricted:
            yield model, f"is made of {sorted(found)}, which may not be passed on: move it to marts/restricted"
        if is_restricted and not found:
            yield model, "is in marts/restricted, and nothing that it is made of is restricted"
        is_named = {"attribution", "attribution_url"} <= set(node["columns"])
        if is_restricted and any(each.startswith(TO_BE_NAMED) for each in found) and not is_named:
            yield model, "has no attribution and attribution_url, which a page that shows it needs"


def _convention(project: Project, model: str) -> tuple[tuple[str, ...], str, str]:
    """What FOLDERS has for the model. Raises: KeyError, if it lies in none of them."""
    folder = next((each for each in project.folders(model) if each in FOLDERS), "")
    if not folder:
        raise KeyError(f"{model}: found in {project.folders(model)}, expected one of {sorted(FOLDERS)}")
    return FOLDERS[folder]


RULES: tuple[Callable[[Project], Iterator[Finding]], ...] = tuple(
    each
    for name, each in list(globals().items())
    if isfunction(each) and each.__module__ == __name__ and not name.startswith("_")
)
"""Every public function above."""

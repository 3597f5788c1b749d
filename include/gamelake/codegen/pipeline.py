"""The page of the pipeline, docs/reference/pipeline.md: from the DAGs, the registry and the manifest of dbt.

It reads the DAG files as Airflow does, so that it states what runs. Airflow's settings have to be in the environment.
"""

from __future__ import annotations

import json
import re
import runpy
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

from gamelake.marts.dbt_project import MANIFEST
from gamelake.paths import REPOSITORY
from gamelake.quality.objectives import Indicator, load_objectives
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow.sdk import DAG

PAGE_PATH = REPOSITORY / "docs" / "reference" / "pipeline.md"
GROUP = "dbt"
"""The task group that has a task for each model: the page names the group alone."""
IF_IT_FAILS = "If it fails: "
"""How the paragraph of a DAG file begins that tells what to do."""


def generated() -> dict[Path, str]:
    """Return the page by its path."""
    return {PAGE_PATH: page(read_dags())}


@cache
def read_dags() -> list[DAG]:
    """Return the DAGs of dags/, in the order of their files.

    Raises: Exception, of a file that Airflow cannot import either.
    """
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # Cosmos tells how it reads the project
        from airflow.sdk import DAG

        found: dict[str, DAG] = {}
        for path in sorted((REPOSITORY / "dags").glob("*.py")):
            values = runpy.run_path(str(path)).values()
            found |= {value.dag_id: value for value in values if isinstance(value, DAG)}
    return list(found.values())


def page(dags: Sequence[DAG]) -> str:
    """Return the text of the page."""
    families = _families(dags)
    lines = [
        "<!-- Generated from dags/, include/gamelake/sources/*/entities.yaml and dbt/models by `make generate`; do not "
        "edit. -->",
        "",
        "# Pipeline",
        "",
        "What runs, when, what it reads and writes, and what to do when it fails.",
        "",
        "| DAG | Starts | Writes | Tries of a task | Owner |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for name, members in families.items():
        dag = members[0]
        owners = ", ".join(sorted({task.owner for each in members for task in each.tasks}))
        tries = max((task.retries or 0 for task in dag.tasks), default=0) + 1
        lines.append(f"| [{name}](#{_anchor(name)}) | {starts(dag)} | {_writes(members)} | {tries} | {owners} |")
    for name, members in families.items():
        lines += _section(name, members)
    lines += ["", "## Marts", "", "What `transform` publishes; [metrics](metrics.md) has the columns.", ""]
    lines += ["| Mart | Reads | Data tests |", "| --- | --- | ---: |"]
    lines += [f"| `{name}` | {_code(reads)} | {tests} |" for name, (reads, tests) in marts().items()]
    return "\n".join(lines) + "\n"


def starts(dag: DAG) -> str:
    """Describe when runs of a DAG start."""
    found = []
    timetable: Any = dag.timetable
    assets = getattr(timetable, "asset_condition", None)
    if assets is not None:
        names = _names(assets)
        found.append("after " + (_code(names) if len(names) < 4 else f"all {len(names)} `raw_*` assets of a day"))
    clock = getattr(timetable, "timetable", timetable)
    crons = [each for each in getattr(clock, "timetables", [clock]) if hasattr(each, "expression")]
    if crons:
        found.append(f"{_code([each.expression for each in crons])}, {crons[0].timezone}")
    return " and ".join(found) or "when triggered"


@cache
def marts(manifest: Path = MANIFEST) -> dict[str, tuple[list[str], int]]:
    """Return what each published mart reads directly, and how many data tests it has, by its name."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    tests = Counter(node.get("attached_node") for node in nodes.values() if node["resource_type"] == "test")
    return {
        node["name"]: (sorted(each.rpartition(".")[2] for each in node["depends_on"]["nodes"]), tests[key])
        for key, node in sorted(nodes.items())
        if node["resource_type"] == "model" and node["original_file_path"].startswith("models/marts/")
    }


def _families(dags: Sequence[DAG]) -> dict[str, list[DAG]]:
    """Return the DAGs by their names; those that load the tables of a source are one family."""
    sources = load_sources()
    loads = {entity.dag_id: source for source in sources.values() for entity in source.entities.values()}
    found: dict[str, list[DAG]] = {}
    for dag in dags:
        name = f"{loads[dag.dag_id].name}_*" if dag.dag_id in loads else dag.dag_id
        found.setdefault(name, []).append(dag)
    return found


def _section(name: str, members: Sequence[DAG]) -> Iterator[str]:
    dag = members[0]
    text, remedy = _words(dag, is_family=len(members) > 1)
    yield from ("", f"## {name}", "", text, "")
    yield f"- Starts: {starts(dag)}"
    yield f"- Writes: {_writes(members)}; [lake format](lake-format.md) has the objects"
    if len(members) > 1:
        yield f"- Tables: {len(members)}, in [entities](entities.md), each with a DAG of its own"
    if dag.dagrun_timeout:
        yield f"- A run ends after {_duration(dag.dagrun_timeout)}"
    yield from _promises(name)
    yield f"- Runs at once: {dag.max_active_runs}"
    yield f"- When it fails: {remedy}"
    if dag.params:
        yield from ("", "| Param | Default | Meaning |", "| --- | --- | --- |")
        for key in dag.params:
            param = dag.params.get_param(key)
            default = "empty" if param.value is None else f"`{json.dumps(param.value)}`"
            yield f"| `{key}` | {default} | {param.description} |"
    yield from ("", "| Task | Tries | First pause | Time limit | Pool |", "| --- | ---: | --- | --- | --- |")
    builds = [task for task in dag.tasks if task.task_id.startswith(f"{GROUP}.")]
    yield from (_row(f"`{task.task_id}`", task) for task in dag.tasks if task not in builds)
    if builds:
        yield _row(f"`{GROUP}.*`, {len(builds)} tasks", builds[0])


def _promises(name: str) -> Iterator[str]:
    """Yield the contract of what a family of DAGs writes, and the service levels that it decides."""
    gates = {f"{source.name}_*": source.gates_transform for source in load_sources().values()}
    if name in gates:
        contract = "the fields of [entities](entities.md); [a row that breaks it](../guides/runbooks/rejected-rows.md)"
    elif name == "transform":
        contract = "grain, columns and tests in the YAML file of each mart; [data model](data-model.md)"
    else:
        return
    yield f"- Contract: {contract}"
    decided = {Indicator.COMPLETE, Indicator.PROVEN} if gates.get(name) else set()
    if name == "transform":
        decided = {Indicator.PUBLISHED, Indicator.FRESH}
    levels = [f"`{key}`, judged at {each.by}" for key, each in load_objectives().items() if each.indicator in decided]
    if levels:
        yield f"- [Service levels](service-levels.md): {'; '.join(levels)}"


def _row(name: str, task: Any) -> str:
    pause = _duration(task.retry_delay) if task.retries else "none"
    limit = _duration(task.execution_timeout) if task.execution_timeout else "none"
    return f"| {name} | {task.retries + 1} | {pause} | {limit} | `{task.pool}` |"


def _words(dag: DAG, *, is_family: bool) -> tuple[str, str]:
    """Return what the DAG does, and what to do when it fails: two paragraphs of its file."""
    paragraphs = [" ".join(part.split()) for part in (dag.doc_md or "").split("\n\n")]
    # The heading is the name; a load has the description of its table then.
    text = paragraphs[2 if is_family else 1]
    remedy = next((each for each in paragraphs if each.startswith(IF_IT_FAILS)), "")
    if not remedy:
        raise ValueError(f"{dag.dag_id}: its file has no paragraph that starts with {IF_IT_FAILS!r}, expected one")
    linked = re.sub(r"docs/(guides/[\w/]*?)([\w-]+)\.md", r"[\2](../\1\2.md)", remedy.removeprefix(IF_IT_FAILS))
    return text, linked


def _names(condition: Any) -> list[str]:
    """Return the names of the assets in a condition of any depth."""
    if not hasattr(condition, "objects"):
        return [condition.name]
    return [name for each in condition.objects for name in _names(each)]


def _writes(members: Sequence[DAG]) -> str:
    names = sorted({asset.name for dag in members for task in dag.tasks for asset in task.outlets})
    if len(names) > 3:
        return f"{len(names)} `raw_*` assets"
    return _code(names) or "no asset"


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "", name.lower())

"""What every table of a build is made of, by dbt's manifest.

    raw/igdb/games               a table of a source
    feeds/igdb/games             the change feed of one
    staging/stg_igdb__games      a model of the build's database
    intermediate/int_game_links  the same
    inputs/commits               a table of `_inputs.json`, the list of what the build reads
    marts/dim_games              a model that is published

These are paths below the lake. Those of staging, intermediate and inputs have no object: they last as long as a build.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gamelake.feeds.documents import FEEDS
from gamelake.marts.dbt_project import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

RAW, INPUTS, MARTS = "raw", "inputs", "marts"
CLAIMS = f"{INPUTS}/claims"
"""Which of a table's rows no longer count. It is read beside the table's own rows, and it is no origin of them."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a build.

    Attributes:
        path: Its path below the lake.
        description: Of the model or the source.
        reads: The paths of the tables that it is made of; none for a table of a source.
        columns: Each column and its type, as far as the YAML file declares them.
    """

    path: str
    description: str = ""
    reads: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The first folder of the path: `raw`, `feeds`, `inputs`, `staging`, `intermediate` or `marts`."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def model_graph(manifest: Path = MANIFEST) -> dict[str, Table]:
    """Return every table of a build by its path.

    Raises:
        FileNotFoundError: There is no manifest; the message states how to make it.
    """
    if not manifest.exists():
        raise FileNotFoundError(f"{manifest} is missing: run `make setup`; an image has it built in")
    return graph_of(json.loads(manifest.read_text(encoding="utf-8")))


def graph_of(manifest: Mapping[str, Any]) -> dict[str, Table]:
    """Return every table of a build by its path.

    Args:
        manifest: dbt's manifest.
    """
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    paths = {key: source_path(node) for key, node in manifest["sources"].items()}
    paths |= {key: f"{node['fqn'][1]}/{node['name']}" for key, node in models.items()}
    graph: dict[str, Table] = {}
    for key, node in manifest["sources"].items():
        graph.setdefault(paths[key], Table(paths[key], node["description"], (), _columns(node)))
    for key, node in models.items():
        reads = dict.fromkeys(paths[each] for each in node["depends_on"]["nodes"] if each in paths)
        if len(reads) > 1:
            reads.pop(CLAIMS, None)
        graph[paths[key]] = Table(paths[key], node["description"], tuple(reads), _columns(node))
    return graph


def source_path(source: Mapping[str, Any]) -> str:
    """Return the path of a source of dbt. Several of its sources may read the same table of the lake."""
    if source["source_name"] == INPUTS:
        return f"{INPUTS}/{source['name']}"
    meta = (source.get("config") or {}).get("meta", {})
    if table := meta.get("feed"):
        return f"{FEEDS}{table.replace('.', '/')}"
    return f"{RAW}/{source['source_name']}/{meta.get('entity') or source['name']}"


def upstream(graph: Mapping[str, Table], paths: Iterable[str]) -> dict[str, Table]:
    """Return the tables of these paths and everything that they are made of, the origins last."""
    found: dict[str, Table] = {}
    wanted = list(paths)
    for path in wanted:
        if path in graph and path not in found:
            found[path] = graph[path]
            wanted += graph[path].reads
    return found


def _columns(node: Mapping[str, Any]) -> dict[str, str]:
    return {name: column.get("data_type") or "" for name, column in node["columns"].items()}

"""The dbt project as Airflow sees it: where it is, its manifest, the names of its marts, the environment it builds in.

python -m gamelake.marts.dbt_project      parses the project into dbt/target: manifest.json and dbt's docs
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from gamelake.paths import REPOSITORY
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = REPOSITORY / "dbt"
MANIFEST = PROJECT / "target" / "manifest.json"


def environment() -> dict[str, str]:
    """Return the variables of a dbt process, except `GAMELAKE_GENERATION`, which differs for each build.

    The database file is scratch: it may lie on any disk, and nothing is lost with it.
    """
    settings = read_settings()
    # Every task process calls this: a wiped disk gets its folder again. The disk of a DAG processor may be read-only.
    with contextlib.suppress(OSError):
        settings.gamelake_duckdb.parent.mkdir(parents=True, exist_ok=True)
    return {
        "GAMELAKE_DUCKDB": str(settings.gamelake_duckdb),
        "GAMELAKE_DUCKDB_EXTENSIONS": str(settings.gamelake_duckdb_extensions),
    }


def inherited() -> dict[str, str]:
    """Return the variables that a dbt process inherits: without dbt's own, as of another project in the shell.

    `DBT_RESOURCE_TYPES` would leave out the tests, `DBT_EMPTY` the rows, and `DBT_WRITE_JSON` the results.
    """
    return {
        name: value for name, value in os.environ.items() if not name.startswith("DBT_") or name == "DBT_USE_COLORS"
    }


@cache
def history_model() -> tuple[str, str]:
    """Return the name of the mart that keeps one file a day, and of the table it is built from, such as igdb.popscore.

    Its YAML file declares both; it is read without dbt's manifest.
    """
    import yaml

    for path in sorted((PROJECT / "models").rglob("*.yml")):
        if "materialized: daily_partitions" in (text := path.read_text(encoding="utf-8")):
            (model,) = yaml.safe_load(text)["models"]
            meta = model["config"]["meta"]
            return model["name"], f"{meta['source_name']}.{meta['source_table']}"
    raise FileNotFoundError(f"{PROJECT}: found no model whose YAML file has `materialized: daily_partitions`")


def published_models(manifest: Path = MANIFEST) -> dict[str, str]:
    """Return the models that each build writes as Parquet files: every mart except the history.

    Returns:
        By name, the key of the copy for readers that follow no pointer; it includes the folder of the model.

    Raises:
        FileNotFoundError: There is no manifest; the message states how to make it.
    """
    if not manifest.exists():
        raise FileNotFoundError(f"{manifest} is missing: run `make setup`; an image has it built in")
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["name"]: f"{'/'.join(node['fqn'][1:])}.parquet"
        for node in sorted(nodes, key=itemgetter("name"))
        if node["resource_type"] == "model"
        and node["fqn"][1] == "marts"
        and node["config"]["materialized"] == "parquet_file"  # the history is not written again by every build
    }


def arguments(engine: Literal["duckdb", "spark"] = "duckdb") -> list[str]:
    """Return the arguments of any dbt command that name project, profile and target.

    They equal those of Cosmos. Otherwise dbt would not use an earlier parse, and parse again.
    """
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    return [*folders, "--profile", "gamelake", "--target", engine]


def parse(folder: Path = MANIFEST.parent) -> Manifest:
    """Write the manifest into a folder, without a database. Only files that changed since `make setup` are parsed.

    Raises:
        SystemExit: The project does not parse; the message is dbt's.
    """
    from dbt.cli.main import dbtRunner

    for name in os.environ.keys() - inherited().keys():
        del os.environ[name]
    os.environ.update(environment())
    parsed = MANIFEST.with_name("partial_parse.msgpack")
    earlier = ["--partial-parse-file-path", str(parsed)] if parsed.exists() else []
    outputs = ["--target-path", str(folder), "--log-path", str(folder), "--log-level-file", "none", "--quiet"]
    result = dbtRunner().invoke(["parse", *arguments(), *earlier, *outputs])
    if not result.success:
        raise SystemExit(f"dbt parse failed: {result.exception or 'see the messages above'}")
    return cast("Manifest", result.result)


def write_docs() -> None:
    """Write dbt's docs beside the manifest: index.html and catalog.json.

    `dbt docs generate` reads columns and types from the tables of a build. Here they come from sources and contracts,
    which declare them, so no build is needed. The docs need no internet, and name no folder of this machine.
    """
    from dbt.artifacts.schemas.catalog import CatalogArtifact
    from dbt.task.docs import DOCS_INDEX_FILE_PATH
    from dbt_common.contracts.metadata import CatalogTable, ColumnMetadata, TableMetadata

    def declared(node: dict[str, Any]) -> CatalogTable:
        columns = {
            name: ColumnMetadata(column["data_type"], index, name)
            for index, (name, column) in enumerate(node["columns"].items())
            if column["data_type"]
        }
        kind = node["config"].get("materialized", "view")
        return CatalogTable(TableMetadata(kind, node["schema"], node["name"]), columns, stats={})

    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            node["root_path"] = None  # dbt looks in the project's folder first
    MANIFEST.write_text(json.dumps(manifest), encoding="utf-8")
    CatalogArtifact.from_results(
        generated_at=datetime.now(UTC),
        nodes={key: declared(node) for key, node in manifest["nodes"].items() if node["resource_type"] == "model"},
        sources={key: declared(node) for key, node in manifest["sources"].items()},
        compile_results=None,
        errors=None,
    ).write(str(MANIFEST.with_name("catalog.json")))
    shutil.copyfile(DOCS_INDEX_FILE_PATH, MANIFEST.with_name("index.html"))


if __name__ == "__main__":
    parse()
    write_docs()
    sys.stdout.write(f"{len(published_models())} marts in {MANIFEST}\n")

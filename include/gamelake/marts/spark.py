"""Builds the marts on Apache Spark: dbt's target `spark`, then the files that readers get.

`gamelake marts build-on-spark` calls it where dbt-spark is installed (`make spark`); GAMELAKE_SPARK_MASTER names the
cluster.

Every try has a folder of its own for Spark's tables, so that what a killed one left behind is in nobody's way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import orjson

from gamelake.days import parse_day
from gamelake.marts import dbt_project
from gamelake.marts.generation import (
    INPUTS,
    SPARK_TABLES,
    TransformError,
    clean_up,
    newest_day,
    open_generation,
    publish,
    read_parquet,
)
from gamelake.marts.pointer import is_finished
from gamelake.registry import load_entities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store


def folder() -> Path:
    """Where a build leaves dbt's manifest, results and log: in its `target`, beside the scratch database."""
    return Path(dbt_project.environment()["GAMELAKE_DUCKDB"]).with_name("spark")


def build(store: Store, generation: str) -> Path:
    """Build and test every model of an open generation, given its key; its marts are then files, as of any other build.

    Returns: the manifest that dbt built by. Raises: TransformError when dbt fails, whose messages are printed;
    StoreError.
    """
    if is_finished(store, generation):
        raise TransformError(f"{generation} is finished, and readers may use its files; open a new generation")
    warehouse = f"{generation}/{SPARK_TABLES}/{uuid4().hex[:8]}"
    store.put(f"{warehouse}/inputs.json", _inputs(store, generation))
    environment = {
        **os.environ,
        **dbt_project.environment(),
        "GAMELAKE_GENERATION": store.url(generation),
        "GAMELAKE_SPARK_WAREHOUSE": store.url(warehouse),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # in DuckDB's types; they test the SQL, in `make test`
    }
    written = folder() / "target"
    (written / "run_results.json").unlink(missing_ok=True)  # of an earlier build, if this one cannot begin
    _dbt("build", on="spark", written=written, environment=environment)
    _dbt("run-operation", "take_over", on="duckdb", written=written / "files", environment=environment)
    _remove(store, warehouse)
    return written / "manifest.json"


def _inputs(store: Store, generation: str) -> bytes:
    """Return the inputs of the build, under a name that Spark reads: it ignores `_inputs.json` as hidden.

    Each earlier mart is listed with the vars that it was built with: Spark cannot read a file's metadata.
    """
    document = orjson.loads(store.get(f"{generation}/{INPUTS}"))
    previous = document["previous"] or {"marts": []}
    for mart in previous["marts"]:
        _, notes = read_parquet(store, f"{previous['generation']}/{mart['name']}.parquet")
        mart["vars"] = notes.get("vars")
    return orjson.dumps(document)


def _dbt(*command: str, on: Literal["duckdb", "spark"], written: Path, environment: Mapping[str, str]) -> None:
    """Run one dbt command; manifest, compiled SQL and log go to `written`."""
    arguments = [*command, *dbt_project.arguments(on), "--target-path", str(written), "--log-path", str(written)]
    done = subprocess.run(  # noqa: S603
        [Path(sys.executable).with_name("dbt"), *arguments], env=environment, check=False
    )
    if done.returncode:
        raise TransformError(
            f"dbt {command[0]} on {on} ended with {done.returncode}; its messages are above, and all of them in "
            f"{written / 'dbt.log'}. Nothing of the build is published"
        )


def _remove(store: Store, prefix: str) -> None:
    folder = Path(store.url(prefix))
    if folder.is_dir():
        shutil.rmtree(folder)  # with Hadoop's checksums, whose names are hidden from the store
        with contextlib.suppress(OSError):  # another try has its tables there
            folder.parent.rmdir()
    for info in list(store.list(f"{prefix}/")):
        store.delete(info.key)


def build_and_publish(store: Store, date: str | None) -> dict[str, Any]:
    """Build a day and publish it.

    Args:
        store: The lake.
        date: The Korean day as YYYY-MM-DD; None is the newest that was loaded.

    Returns:
        The document of the generation, as `publish` returns it.

    Raises:
        TransformError: There is nothing to build, or dbt fails.
        StoreError: The lake cannot be read or written.
    """
    entities = load_entities()
    day = parse_day(date) if date else newest_day(store, entities)
    generation = open_generation(store, entities, day=day, run_id="spark")
    manifest = build(store, generation)
    document = publish(store, generation, dbt_project.published_models(manifest))
    clean_up(store, generation)
    return document

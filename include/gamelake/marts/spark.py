"""Builds the marts on Apache Spark: dbt's target `spark`, then the files that readers get.

`gamelake marts build-on-spark` calls it where dbt-spark is installed (`make spark`); GAMELAKE_SPARK_MASTER names the
cluster.

Every try has a folder of its own for Spark's tables, so that the tables of a killed try do not disturb the next one.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import msgspec

from gamelake.days import parse_day
from gamelake.marts import dbt_project
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.commits import newest_day
from gamelake.marts.documents import INPUTS, read
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import SPARK_TABLES, Outcome, clean_up, open_generation, publish
from gamelake.marts.parquet import inspect_parquet
from gamelake.marts.pointer import is_finished, record_of
from gamelake.registry import load_entities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store


def folder() -> Path:
    """Where a build leaves dbt's manifest, results and log: in its `target`, beside the scratch database."""
    return Path(dbt_project.environment()["GAMELAKE_DUCKDB"]).with_name("spark")


def build(store: Store, generation: str) -> Path:
    """Build and test every model of an open generation; its marts are then files, as after any other build.

    Args:
        store: The lake.
        generation: The key of the generation.

    Returns:
        The path of dbt's manifest.

    Raises:
        TransformError: The generation is finished, or dbt fails; its messages are printed.
        StoreError: The lake cannot be read or written.
    """
    if is_finished(store, generation):
        raise TransformError(f"{generation} is finished, and readers may use its files; open a new generation")
    warehouse = f"{generation}/{SPARK_TABLES}/{uuid4().hex[:8]}"
    store.put(f"{warehouse}/inputs.json", _inputs(store, generation))
    environment = {
        **dbt_project.inherited(),
        **dbt_project.environment(),
        "GAMELAKE_GENERATION": store.url(generation),
        "GAMELAKE_SPARK_WAREHOUSE": store.url(warehouse),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # in DuckDB's types; they test the SQL, in `make test-slow`
    }
    written = folder() / "target"
    (written / "run_results.json").unlink(missing_ok=True)  # of an earlier build, if this one cannot begin
    _dbt("build", on="spark", written=written, environment=environment)
    _dbt("run-operation", "export_marts", on="duckdb", written=written / "files", environment=environment)
    _remove(store, warehouse)
    return written / "manifest.json"


def _inputs(store: Store, generation: str) -> bytes:
    """Return _inputs.json for a copy under another name: Spark ignores a file whose name begins with _.

    Each earlier mart is listed with the vars that it was built with: Spark cannot read the metadata of a file.
    """
    inputs = read(store, f"{generation}/{INPUTS}", Inputs)
    document = msgspec.to_builtins(inputs)
    if previous := inputs.run[0].previous:
        keys = {mart.name: mart.key for mart in record_of(store, previous).marts}
        for mart in document["previous"]:
            mart["vars"] = inspect_parquet(store, keys[mart["name"]]).notes.get("vars")
    return msgspec.json.encode(document)


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


def build_and_publish(store: Store, date: str | None) -> Outcome:
    """Build a day and publish it.

    Args:
        store: The lake.
        date: The Korean day as YYYY-MM-DD; None is the newest that was loaded.

    Raises:
        TransformError: There is nothing to build, or dbt fails.
        StoreError: The lake cannot be read or written.
    """
    entities = load_entities()
    day = parse_day(date) if date else newest_day(store, entities)
    generation = open_generation(store, entities, day=day, run_id="spark")
    manifest = build(store, generation)
    outcome = publish(store, generation, dbt_project.published_models(manifest))
    clean_up(store, generation)
    return outcome

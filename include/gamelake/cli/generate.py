"""`gamelake generate`: write the files that follow from others."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path


def generate(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if a file is stale.")] = False,
) -> int:
    """Write dbt's sources, the JSON Schemas and the generated pages of docs/."""
    from gamelake.cli import reference
    from gamelake.codegen import (
        configuration,
        cost,
        dbt_sources,
        marts_documents,
        metrics,
        prometheus,
        schemas,
        service_levels,
        thresholds,
    )

    status = 0
    pages = configuration.generated() | cost.generated() | metrics.generated() | prometheus.generated()
    pages |= service_levels.generated()
    pages |= reference.generated(context.find_root().command) | _pipeline() | thresholds.generated()
    documents = schemas.generated() | marts_documents.generated()
    for path, text in (dbt_sources.generated() | documents | pages).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"{path}: stale; run `make generate`", file=sys.stderr)
            status = 1
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path)
    return status


def _pipeline() -> dict[Path, str]:
    """Return the page of the pipeline: made from the DAGs, for which Airflow and Cosmos get folders of this clone."""
    from gamelake.local.environment import AIRFLOW_HOME, LOCAL

    before = dict(os.environ)
    os.environ.setdefault("AIRFLOW_HOME", str(AIRFLOW_HOME))
    os.environ.setdefault("AIRFLOW__COSMOS__CACHE_DIR", str(LOCAL / "cosmos"))
    try:
        from gamelake.codegen import pipeline

        return pipeline.generated()
    finally:
        os.environ.clear()
        os.environ.update(before)

"""How long ago the loads that readers see were committed: `dbt source freshness` of the published generation.

python -m include.transform.freshness        exits with 1 when two nights are missing; see include/dbt_sources.py

It counts by the wall clock, as nothing else in the transform does. A build never asks it: a day that is built again is
old.
"""

from __future__ import annotations

import os
import sys
import tempfile

from include.lake.store import StoreError, lake_uri, open_store
from include.transform import dbt_project
from include.transform.generation import current


def main() -> int:
    """Print dbt's table of sources. Returns: the exit code."""
    try:
        store = open_store(lake_uri())
        shown = current(store)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if shown is None:
        sys.stderr.write(f"{store.uri}: nothing is published yet; run the DAG `transform` first\n")
        return 1
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as folder:
        # A database of its own: the scratch file belongs to the build that may be running.
        os.environ |= {
            **dbt_project.environment(),
            "GAMELAKE_DUCKDB": ":memory:",
            "GAMELAKE_GENERATION": store.url(shown["generation"]),
        }
        project = ["--project-dir", str(dbt_project.PROJECT), "--profiles-dir", str(dbt_project.PROJECT)]
        outputs = ["--target-path", folder, "--log-path", folder]
        return 0 if dbtRunner().invoke(["source", "freshness", *project, *outputs]).success else 1


if __name__ == "__main__":
    sys.exit(main())

"""How long ago the loads that readers see were committed: `dbt source freshness` of the published generation.

python -m include.transform.freshness        exits with 1 when two nights are missing; see include/dbt_sources.py

It counts by the wall clock, as nothing else in the transform does. A build never asks it: a day that is built again is
old.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from include.lake.store import StoreError, lake_uri, open_store
from include.transform import dbt_project
from include.transform.pointer import current


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
        manifest = dbt_project.parse(Path(folder))
        # A database of its own: the scratch file belongs to the build that may be running. It is given after the parse,
        # which else would be another project's, and has the same name, by which the manifest speaks of it.
        os.environ["GAMELAKE_DUCKDB"] = str(Path(folder, Path(os.environ["GAMELAKE_DUCKDB"]).name))
        os.environ["GAMELAKE_GENERATION"] = store.url(shown["generation"])
        outputs = ["--target-path", folder, "--log-path", folder]
        asked = dbtRunner(manifest=manifest).invoke(["source", "freshness", *dbt_project.arguments(), *outputs])
        return 0 if asked.success else 1


if __name__ == "__main__":
    sys.exit(main())

"""Tells dbt which generation it builds: that of the DAG's run or, without a DAG, a new one of the day asked for.

    dbt build                                    the newest day that was loaded
    dbt build --vars 'as_of: 2026-11-21'         that day, from the manifests as they stood

Named in dbt/profiles.yml; the macros read the DuckDB variable `generation`. A generation that is opened here is built
beside the published ones: only the DAG `transform` publishes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import uuid4

from dbt.adapters.duckdb.plugins import BasePlugin

from include.transform.dbt_project import environment

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VARIABLE = "GAMELAKE_GENERATION"
_BUILDING = {"build", "run"}


class Plugin(BasePlugin):
    """Sets the variable on each cursor; dbt makes one of these objects for each process."""

    _opened: str | None = None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Open a generation, if dbt is to build one and nobody has. Give a database in memory a folder to spill to."""
        from dbt.flags import get_flags
        from dbt_common.exceptions import DbtRuntimeError

        from include.lake.files import ManifestError
        from include.lake.store import StoreError
        from include.partitions import PartitionError
        from include.transform.generation import TransformError

        if self.creds is not None and self.creds.path == ":memory:":
            # Two processes must not share one, and DuckDB's own choice is the folder that dbt is called in.
            spills = f"{environment()['GAMELAKE_DUCKDB']}.{uuid4().hex}.tmp"
            conn.execute(f"set temp_directory = '{spills.replace(chr(39), chr(39) * 2)}'")
        flags = get_flags()  # type: ignore[no-untyped-call]
        if flags.WHICH in _BUILDING and not os.environ.get(VARIABLE):
            try:
                self._opened = _open_generation(str((flags.VARS or {}).get("as_of") or ""))
            except (TransformError, StoreError, ManifestError, PartitionError) as error:
                raise DbtRuntimeError(str(error)) from error  # which dbt shows without a traceback

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Name the generation to the macros."""
        if generation := os.environ.get(VARIABLE) or self._opened:
            cursor.execute(f"set variable generation = '{generation.rstrip('/').replace(chr(39), chr(39) * 2)}'")


def _open_generation(as_of: str) -> str:
    """Open a generation of a Korean day; if that is empty, of the newest that was loaded. Returns: where it is."""
    from include.lake.https import open_cdn
    from include.lake.store import lake_uri, open_store
    from include.partitions import parse_day
    from include.registry import load_registry
    from include.transform.generation import newest_day, open_generation

    store, sources = open_store(lake_uri()), open_cdn()
    entities = tuple(load_registry().values())
    day = parse_day(as_of) if as_of else newest_day(sources or store, entities)
    return store.url(open_generation(store, entities, day=day, run_id="dbt", sources=sources))

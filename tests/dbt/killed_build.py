"""A `dbt run` in a process of its own, which kills itself at a step.

python -m tests.dbt.killed_build FOLDER STEP      database, target and log in FOLDER

A file is a step when DuckDB begins to write it, and when it is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from tests.support.dbt import Dbt
from tests.support.kills import Steps


def watch_copies(steps: Steps) -> None:
    """Count what is written."""
    execute: Any = DuckDBCursorWrapper.execute  # dbt gives it no types

    def counted(cursor: Any, sql: str, *given: Any) -> Any:
        writes = "copy (select" in sql
        if writes:
            steps.step()
        done = execute(cursor, sql, *given)
        if writes:
            steps.step()
        return done

    DuckDBCursorWrapper.execute = counted  # type: ignore[method-assign]  # in a process of its own


if __name__ == "__main__":
    watch_copies(Steps(int(sys.argv[2])))
    build = Dbt(Path(sys.argv[1]), GAMELAKE_URI=os.environ["GAMELAKE_URI"])
    sys.exit(0 if build("run", generation=None).success else 1)

"""dbt in the process of the tests."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

DBT = REPOSITORY / "dbt"


def invoke(*arguments: str) -> dbtRunnerResult:
    """Run one dbt command, and close what dbt leaves open: its database and its log."""
    result = dbtRunner().invoke(list(arguments))
    close_connections: Any = DuckDBConnectionManager.close_all_connections  # dbt gives it no types
    close_connections()
    for handler in logging.getLogger("file_log").handlers:
        handler.close()
    return result


@dataclass(frozen=True)
class Outcome:
    """What one dbt command did: whether it succeeded, each node's status and message by name, and the error if any."""

    success: bool
    statuses: dict[str, str]
    messages: dict[str, str]
    error: str


class Dbt:
    """dbt in this process, with database, target and log in one folder; parsing takes seconds, so tests share one."""

    def __init__(
        self, folder: Path, *, project: Path = DBT, variables: dict[str, Any] | None = None, **environment: str
    ) -> None:
        self.folder = folder
        self.project = project
        self.variables = ["--vars", json.dumps(variables)] if variables else []
        self.database = folder / "gamelake.duckdb"
        self.environment = {"GAMELAKE_DUCKDB": str(self.database), **environment}

    def __call__(self, *arguments: str, generation: Path | str | None) -> Outcome:
        """Run one command, such as `dbt("run", "-s", "stg_igdb__games", generation=folder)`."""
        paths = ["--project-dir", self.project, "--profiles-dir", DBT]
        paths += ["--target-path", self.folder, "--log-path", self.folder]
        with pytest.MonkeyPatch.context() as environment:
            for name in [name for name in os.environ if name.startswith(("AWS_", "DBT_", "GAMELAKE_"))]:
                environment.delenv(name)
            for name, value in self.environment.items():
                environment.setenv(name, value)
            if generation:
                environment.setenv("GAMELAKE_GENERATION", str(generation))
            result = invoke(*arguments, *self.variables, *map(str, paths), "--quiet")
        nodes = getattr(result.result, "results", None) or []
        return Outcome(
            success=result.success,
            statuses={node.node.name: str(node.status) for node in nodes},
            messages={node.node.name: node.message or "" for node in nodes},
            error=str(result.exception or ""),
        )

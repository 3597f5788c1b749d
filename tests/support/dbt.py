"""dbt in the process of the tests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult

from gamelake.marts.dbt_project import MANIFEST
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from dbt.contracts.graph.manifest import Manifest

DBT = REPOSITORY / "dbt"
PARSED = MANIFEST.with_name("partial_parse.msgpack")


def invoke(*arguments: str, manifest: Manifest | None = None) -> dbtRunnerResult:
    """Run one dbt command, and close what dbt leaves open: its database."""
    result = dbtRunner(manifest).invoke(list(arguments))
    close_connections: Any = DuckDBConnectionManager.close_all_connections  # dbt gives it no types
    close_connections()
    return result


@dataclass(frozen=True)
class Outcome:
    """What one dbt command did: whether it succeeded, each node's status and message by name, and the error if any."""

    success: bool
    statuses: dict[str, str]
    messages: dict[str, str]
    error: str


class Dbt:
    """dbt in this process, with database, target and log in one folder.

    A project is parsed once with each set of variables, for all tests of the process. With `manifest` it is not parsed.
    Only `parse` writes the manifest.
    """

    _parsed: ClassVar[dict[tuple[str, ...], Manifest]] = {}

    def __init__(
        self,
        folder: Path,
        *,
        project: Path = DBT,
        variables: dict[str, Any] | None = None,
        manifest: Manifest | None = None,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.project = project
        self.variables = ["--vars", json.dumps(variables)] if variables else []
        self.manifest = manifest
        self.database = folder / "gamelake.duckdb"
        self.environment = {"GAMELAKE_DUCKDB": str(self.database), **environment}

    def __call__(self, *arguments: str, generation: Path | str | None) -> Outcome:
        """Run one command, such as `dbt("run", "-s", "stg_igdb__games", generation=folder)`.

        `run` builds without tests; dbt's own command loads no seeds.
        """
        if arguments[0] == "run":
            without = ("--exclude-resource-types", "test", "--exclude-resource-types", "unit_test")
            arguments = ("build", *without, *arguments[1:])
        result = self._invoke(*arguments, generation=generation)
        nodes = getattr(result.result, "results", None) or []
        return Outcome(
            success=result.success,
            statuses={node.node.name: str(node.status) for node in nodes},
            messages={node.node.name: node.message or "" for node in nodes},
            error=str(result.exception or ""),
        )

    def parse(self) -> Manifest:
        """Parse the project, or take what it has parsed."""
        return cast("Manifest", self._invoke("parse", generation=None).result)

    def _invoke(self, *arguments: str, generation: Path | str | None) -> dbtRunnerResult:
        with pytest.MonkeyPatch.context() as environment:
            for name in [name for name in os.environ if name.startswith(("AWS_", "DBT_", "GAMELAKE_"))]:
                environment.delenv(name)
            for name, value in self.environment.items():
                environment.setenv(name, value)
            if generation:
                environment.setenv("GAMELAKE_GENERATION", str(generation))
            return self._run(*arguments)

    def _run(self, *arguments: str) -> dbtRunnerResult:
        paths = ["--project-dir", self.project, "--profiles-dir", DBT, "--profile", "gamelake", "--target", "duckdb"]
        paths += ["--target-path", self.folder, "--log-path", self.folder]
        if self.project == DBT and PARSED.exists() and not (self.folder / PARSED.name).exists():
            paths += ["--partial-parse-file-path", PARSED]  # of `make setup`: only what changed since is parsed
        # What dbt prints is not needed, since `Outcome` has it. Printing it takes a tenth of the CPU time of a build.
        options = [*self.variables, *map(str, paths), "--log-level", "none", "--log-level-file", "none"]
        if arguments[0] == "parse":
            return invoke(*arguments, *options)
        key = (str(self.project), *self.variables)
        manifest = self.manifest or self._parsed.get(key)
        if manifest is None:
            parsed = invoke("parse", *options)
            if not parsed.success:
                return parsed
            manifest = self._parsed[key] = cast("Manifest", parsed.result)
        return invoke(*arguments, *options, "--no-write-json", manifest=manifest)

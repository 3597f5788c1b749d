"""Airflow's own command, with the settings of this repository."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from gamelake.airflow.settings_file import IGDB_CONNECTION, RAWG_CONNECTION
from gamelake.local import account, interrupts, sandbox, stack
from gamelake.local.environment import environment
from gamelake.registry import load_sources, loaded_entities


class NoLoadError(RuntimeError):
    """`dags test` names a load that does not exist here; the message has those that do."""


def run(arguments: list[str]) -> int:
    """Run Airflow's own command; most commands replace this process.

    `dags test` of a load uses the account of the user: of the environment, else a connection in Airflow's database that
    is not the sandbox's. Without one, it uses a sandbox that it starts.

    Returns:
        The exit status of the command.

    Raises:
        NoLoadError: `dags test` of a load that does not exist, or whose source is off.
        StackError: `dags test` while `make up` runs.
        AccountError: The API refuses the account.
        SandboxStartError: The sandbox did not start.
    """
    has_account, has_rawg = account.is_given(), account.is_rawg_given()
    os.environ.update(environment())
    command = [sys.executable, "-m", "airflow", *arguments]
    is_test = arguments[:2] == ["dags", "test"]
    if is_test:
        _check_load(arguments[2:])
    if is_test and stack.running("scheduler"):
        raise stack.StackError(
            "dags test: `make up` is running, and its scheduler would run the same tasks. Run `make down` first, or "
            "start the DAG in that Airflow: `.venv/bin/airflow dags trigger <dag_id>`"
        )
    if is_test and not _has_tables():  # as in a new GAMELAKE_LOCAL
        print("Preparing Airflow's database ...", flush=True)
        subprocess.run([sys.executable, "-m", "gamelake.cli", "laptop", "prepare"], check=False)
    tested = {argument.partition("_")[0] for argument in arguments} if is_test else set()
    if not tested & {"igdb", "rawg"}:
        os.execv(sys.executable, command)  # noqa: S606 - the user's own command line
    return _test_rawg(command, has_key=has_rawg) if "rawg" in tested else _test_load(command, has_account=has_account)


def _database() -> Path:
    return Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"


def _has_tables() -> bool:
    """Return whether Airflow's database was prepared: each of its commands makes an empty file."""
    try:
        account.stored(IGDB_CONNECTION, _database())
    except sqlite3.Error:
        return False
    return True


def _check_load(words: list[str]) -> None:
    """Check that a load exists, for which Airflow has a traceback alone. Raises: NoLoadError."""
    sources, known = load_sources(), [entity.dag_id for entity in loaded_entities()]
    for word in words:
        name = word.partition("_")[0]
        if name not in sources or "_" not in word or word in known:
            continue
        if any(word == entity.dag_id for entity in sources[name].entities.values()):
            raise NoLoadError(
                f"dags test {word}: the source {name} is off here, so it has no DAGs; GAMELAKE_OPTIONAL_SOURCES={name} "
                "switches it on (RAWG_API_KEY does so for the real RAWG, where that variable is not set)"
            )
        raise NoLoadError(f"dags test {word}: there is no such load, expected one of {', '.join(known)}")


def _test_load(command: list[str], *, has_account: bool) -> int:
    if has_account:
        print(account.check(), flush=True)
        account.export()
        os.execv(sys.executable, command)  # noqa: S606 - as above
    return _test_with_sandbox(command, account.CONNECTION_VARIABLE, IGDB_CONNECTION)


def _test_rawg(command: list[str], *, has_key: bool) -> int:
    if has_key:
        account.export(RAWG_CONNECTION)
        os.execv(sys.executable, command)  # noqa: S606 - as above
    return _test_with_sandbox(command, account.RAWG_VARIABLE, RAWG_CONNECTION)


def _test_with_sandbox(command: list[str], variable: str, conn_id: str) -> int:
    found = None
    with suppress(sqlite3.Error):  # Airflow itself has the message
        found = account.stored(conn_id, _database())
    if found and account.is_own(conn_id, *found):
        print(f"Loading by the connection {conn_id} of Airflow's database", flush=True)
        os.execv(sys.executable, command)  # noqa: S606 - as above
    with interrupts.interruptible(), sandbox.running(sandbox.Days.now()) as url:
        print(f"Loading from the sandbox at {url}: no account is set, nor stored as {conn_id}", flush=True)
        os.environ[variable] = sandbox.connection(url, conn_id)
        return subprocess.run(command, check=False).returncode  # noqa: S603

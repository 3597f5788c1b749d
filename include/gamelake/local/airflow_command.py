"""Airflow's own command, with the settings of this repository."""

from __future__ import annotations

import difflib
import logging
import os
import sqlite3
import subprocess
import sys

from gamelake.airflow import settings_file
from gamelake.airflow.settings_file import IGDB_CONNECTION, RAWG_CONNECTION
from gamelake.local import account, interrupts, sandbox, stack
from gamelake.local.database import store_settings
from gamelake.local.environment import environment
from gamelake.maintenance.smoke import WITHOUT_SOURCE
from gamelake.registry import load_sources, loaded_entities
from gamelake.settings import read_settings


class NoDagError(RuntimeError):
    """`dags test` names a DAG that does not exist here; the message has one or more that do."""


def run(arguments: list[str]) -> int:
    """Run Airflow's own command; most commands replace this process.

    `dags test` of a load uses the account of the user: of the environment, else a connection in Airflow's database that
    is not the sandbox's. Without one, it uses a sandbox that it starts.

    Returns:
        The exit status of the command.

    Raises:
        NoDagError: `dags test` of a DAG that does not exist, or whose source is off.
        StackError: `dags test` while `make up` runs.
        AccountError: The API refuses the account, or a secrets backend has another one than the sandbox's.
        SandboxStartError: The sandbox did not start.
    """
    has_account, has_rawg = account.is_given(), account.is_given(RAWG_CONNECTION)
    os.environ.update(environment())
    command = [sys.executable, "-m", "airflow", *arguments]
    is_test = arguments[:2] == ["dags", "test"]
    if is_test:
        _check_load(arguments[2:])
        if not {*WITHOUT_SOURCE, *(entity.dag_id for entity in loaded_entities())} & {*arguments}:
            _check_dag(arguments)
        account.check_recorded()
    if is_test and stack.running("scheduler"):
        raise stack.StackError(
            "dags test: `make up` is running, and its scheduler would run the same tasks. Run `make down` first, or "
            "start the DAG in that Airflow: `.venv/bin/airflow dags trigger <dag_id>`"
        )
    if is_test and not _has_tables():  # as in a new GAMELAKE_LOCAL
        print("Preparing Airflow's database ...", flush=True)
        subprocess.run(
            [sys.executable, "-m", "gamelake.cli", "laptop", "prepare"], stdout=subprocess.DEVNULL, check=False
        )
    tested = {argument.partition("_")[0] for argument in arguments} if is_test else set()
    if not tested & {"igdb", "rawg"}:
        os.execv(sys.executable, command)  # noqa: S606 - the user's own command line
    if "rawg" in tested:
        return _test(command, RAWG_CONNECTION, is_given=has_rawg)
    return _test(command, IGDB_CONNECTION, is_given=has_account)


def _has_tables() -> bool:
    """Return whether Airflow's database was prepared: each of its commands makes an empty file."""
    try:
        account.stored(IGDB_CONNECTION)
    except sqlite3.Error:
        return False
    return True


def _check_load(words: list[str]) -> None:
    """Check that a load exists, for which Airflow has a traceback alone. Raises: NoDagError."""
    sources, known = load_sources(), [entity.dag_id for entity in loaded_entities()]
    for word in words:
        name = word.partition("_")[0]
        if name not in sources or "_" not in word or word in known:
            continue
        if any(word == entity.dag_id for entity in sources[name].entities.values()):
            raise NoDagError(
                f"dags test {word}: the source {name} is off here, so it has no DAGs; GAMELAKE_OPTIONAL_SOURCES={name} "
                "switches it on (RAWG_API_KEY does so for the real RAWG, where that variable is not set)"
            )
        near = difflib.get_close_matches(word, known, n=1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        raise NoDagError(f"dags test {word}: there is no such load, expected one of {', '.join(known)}{hint}")


def _check_dag(arguments: list[str]) -> None:
    """Check that a DAG exists that is none of ours: the user may have files in dags/. Raises: NoDagError."""
    logging.disable(logging.WARNING)  # what Cosmos states of each model
    from airflow.cli.cli_parser import get_parser

    parsed = get_parser().parse_args(arguments)
    if parsed.bundle_name or parsed.dagfile_path:
        return
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if parsed.dag_id not in bag.dags and not bag.import_errors:  # Airflow prints those
        (nearest,) = difflib.get_close_matches(parsed.dag_id, bag.dags, n=1, cutoff=0)
        raise NoDagError(
            f"dags test {parsed.dag_id}: there is no such DAG, expected {nearest} or another one of "
            "`.venv/bin/airflow dags list`"
        )


def _test(command: list[str], conn_id: str, *, is_given: bool) -> int:
    """Run `dags test` of a load: by what the user has chosen, else by a sandbox."""
    if is_given:
        if not account.is_set(conn_id):
            print(f"Loading by the connection {conn_id} of Airflow's database", flush=True)
        if conn_id == IGDB_CONNECTION:
            print(account.check(), flush=True)
        account.export(conn_id)
        if settings_file.is_set(conn_id, read_settings()):
            store_settings()
        os.execv(sys.executable, command)  # noqa: S606 - the user's own command line
    with interrupts.interruptible(), sandbox.running(sandbox.Days.now()) as url:
        account.use(conn_id, sandbox.connection(url, conn_id))
        print(f"Loading from the sandbox at {url}: no account is set, nor stored as {conn_id}", flush=True)
        return subprocess.run(command, check=False).returncode  # noqa: S603 - as above

"""Airflow's own command, with the settings of this repository."""

from __future__ import annotations

import os
import subprocess
import sys

from gamelake.local import account, interrupts, sandbox, stack
from gamelake.local.environment import environment


def run(arguments: list[str]) -> int:
    """Run Airflow's own command; most commands replace this process.

    `dags test` of a load uses the account of the user. Without one, it uses a sandbox that it starts.

    Returns:
        The exit status of the command.

    Raises:
        StackError: `dags test` while `make up` runs.
        AccountError: The API refuses the account.
        SandboxStartError: The sandbox did not start.
    """
    has_account = account.is_given()
    os.environ.update(environment())
    command = [sys.executable, "-m", "airflow", *arguments]
    is_test = arguments[:2] == ["dags", "test"]
    if is_test and stack.running("scheduler"):
        raise stack.StackError(
            "dags test: `make up` is running, and its scheduler would run the same tasks. Run `make down` first, or "
            "start the DAG in that Airflow: `.venv/bin/airflow dags trigger <dag_id>`"
        )
    if not (is_test and any(argument.startswith("igdb_") for argument in arguments)):
        os.execv(sys.executable, command)  # noqa: S606 - the user's own command line
    return _test_load(command, has_account=has_account)


def _test_load(command: list[str], *, has_account: bool) -> int:
    if has_account:
        print(account.check(), flush=True)
        account.export()
        os.execv(sys.executable, command)  # noqa: S606 - as above
    with interrupts.interruptible(), sandbox.running(sandbox.Days.now()) as url:
        os.environ[account.CONNECTION_VARIABLE] = sandbox.connection(url)
        return subprocess.run(command, check=False).returncode  # noqa: S603

"""The laptop's commands, as the Makefile calls them.

python -m gamelake.local run           one day, from the API to marts
python -m gamelake.local up | down     a local Airflow with its UI
python -m gamelake.local prepare       Airflow's database, connections and pool
python -m gamelake.local switch-on     that, and every DAG unpaused
python -m gamelake.local settings ...  airflow_settings.yaml, imported by an Airflow command
python -m gamelake.local airflow ...   Airflow's own command, in this repository's home
python -m gamelake.local launcher      makes that the `airflow` of this virtual environment
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gamelake.airflow import settings_file as airflow_settings
from gamelake.lake.files import ManifestError
from gamelake.lake.store import StoreError
from gamelake.local import account, interrupts, sandbox, stack
from gamelake.local.environment import LAUNCHER, environment, write_launcher
from gamelake.registry import RegistryError


def main(arguments: list[str]) -> int:
    """Run a command. Returns: the exit status."""
    try:
        match arguments:
            case ["airflow", *rest]:
                return _airflow(rest)
            case ["settings", command]:
                return _settings(command)
            case [name] if name in COMMANDS:
                COMMANDS[name]()
                return 0
    except KeyboardInterrupt:
        again = "`make run` again continues" if arguments == ["run"] else "run the same command again"
        print(f"\nInterrupted. Nothing is lost: {again}.", file=sys.stderr)
        return interrupts.STATUS
    except (RuntimeError, StoreError, ManifestError, RegistryError, airflow_settings.SettingsError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(__doc__)
    return 2


def _run() -> None:
    from gamelake.local.run import run

    run()


def _prepare() -> None:
    _be_quiet()
    from gamelake.local.database import prepare

    prepare()


def _switch_on() -> None:
    _be_quiet()
    from gamelake.local.switch_on import switch_on

    switch_on()


def _be_quiet() -> None:
    # Alembic would tell each of its hundred steps.
    os.environ.update({**environment(), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"})


def _settings(command: str) -> int:
    """Import airflow_settings.yaml, with this clone's own sandbox where the command is this clone's Airflow."""
    if Path(command).resolve() == LAUNCHER:
        os.environ.update(environment())
    return airflow_settings.main(["--cli", command])


def _airflow(arguments: list[str]) -> int:
    """Airflow's own command. `dags test` of a load asks the user's account; without one, a sandbox that it starts."""
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
    return _test_load(command)


def _test_load(command: list[str]) -> int:
    if account.is_given():
        print(account.check(), flush=True)
        account.export()
        os.execv(sys.executable, command)  # noqa: S606 - as above
    with interrupts.interruptible(), sandbox.running(sandbox.Days.now()) as url:
        os.environ[account.CONNECTION_VARIABLE] = sandbox.connection(url)
        return subprocess.run(command, check=False).returncode  # noqa: S603


COMMANDS = {
    "run": _run,
    "up": stack.up,
    "down": stack.down,
    "prepare": _prepare,
    "switch-on": _switch_on,
    "launcher": write_launcher,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

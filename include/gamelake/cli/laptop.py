"""`gamelake run`, `up` and `down`; and `gamelake laptop`: what `make setup` and the local Airflow call."""

from __future__ import annotations

from typing import Annotated

import typer

group = typer.Typer(help="The local Airflow: what `make setup` and `make up` call.", no_args_is_help=True)


def run() -> None:
    """Load and transform the next day, then show the marts."""
    from gamelake.local.run import run

    run()


def up() -> None:
    """Start a local Airflow with its web UI and a sandbox."""
    from gamelake.local import stack

    stack.up()


def down() -> None:
    """Stop the local Airflow and its sandbox."""
    from gamelake.local import stack

    stack.down()


@group.command()
def prepare() -> None:
    """Create Airflow's database, its connections and its pool."""
    from gamelake.local.environment import use_quietly

    use_quietly()
    from gamelake.local.database import prepare

    print("\n".join(prepare()))


@group.command("switch-on")
def switch_on() -> None:
    """Prepare Airflow's database, and unpause each DAG once."""
    from gamelake.local.environment import use_quietly

    use_quietly()
    from gamelake.local.switch_on import switch_on

    switch_on()


@group.command()
def launcher() -> None:
    """Make `airflow` of this virtual environment use the settings of this repository."""
    from gamelake.local.environment import write_launcher

    write_launcher()


@group.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
def airflow(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", show_default=False, help="The arguments of Airflow's own command."),
    ] = None,
) -> int:
    """Run Airflow's own command with the settings of this repository."""
    from gamelake.local.airflow_command import run

    return run(arguments or [])

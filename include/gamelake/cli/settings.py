"""`gamelake settings`: give an Airflow the connections, pools and Variables of a settings file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(help="Give an Airflow its connections and its pool.", no_args_is_help=True)


@group.callback()
def callback() -> None:
    """Keep `import` a subcommand: typer would turn a group of one command into that command."""


@group.command("import")
def import_settings(
    file: Annotated[
        Path | None, typer.Option(show_default=False, help="The settings. Default: airflow_settings.yaml.")
    ] = None,
    cli: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Import with this Airflow command, of any installation."),
    ] = None,
) -> None:
    """Write the settings file to the metadata database of an Airflow."""
    from gamelake.airflow import settings_file
    from gamelake.local.environment import environment, is_launcher
    from gamelake.settings import read_settings

    if cli and is_launcher(cli):  # this clone's Airflow has its own sandbox
        os.environ.update(environment())
    try:
        loaded = settings_file.load_settings(file or settings_file.SETTINGS_PATH)
    except OSError as error:
        raise settings_file.SettingsFileError(f"{file}: {error.strerror}") from error
    settings = read_settings()
    lines = settings_file.apply_by_cli(loaded, settings, cli) if cli else settings_file.apply(loaded, settings)
    print("\n".join(lines))

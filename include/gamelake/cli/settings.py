"""`gamelake settings`: give this Airflow the connections and pools of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(help="Give this Airflow its connections and its pool.", no_args_is_help=True)


@group.callback()
def callback() -> None:
    """Keep `import` a subcommand: typer would turn a group of one command into that command."""


@group.command("import")
def import_settings(
    file: Annotated[
        Path | None, typer.Option(show_default=False, help="The settings. Default: airflow_settings.yaml.")
    ] = None,
    sandbox: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="The sandbox, which answers without an account. Default: the file's.",
        ),
    ] = None,
) -> None:
    """Write the settings file to the metadata database of this Airflow; keep an account that is stored there."""
    from gamelake.airflow import settings_file
    from gamelake.settings import read_settings

    try:
        loaded = settings_file.load_settings(file or settings_file.SETTINGS_PATH)
    except OSError as error:
        raise settings_file.SettingsFileError(f"{file}: {error.strerror}") from error
    print("\n".join(settings_file.apply(loaded, read_settings(), sandbox=sandbox)))

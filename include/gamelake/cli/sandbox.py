"""`gamelake sandbox`: a local IGDB and a local RAWG, until SIGTERM or Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gamelake.cli.arguments import korean_day


class SandboxMissingError(Exception):
    """The sandbox cannot be imported here."""


def _port(port: int | None) -> int:
    if port is not None:
        return port
    from gamelake.settings import read_settings

    return read_settings().gamelake_sandbox_port or 8900


def _host(host: str) -> str:
    """Return an address to listen on; an empty one would be every address. Raises: typer.BadParameter."""
    if not host.strip():
        raise typer.BadParameter(f"found {host!r}, expected an address such as 127.0.0.1; 0.0.0.0 is every one")
    return host


def _folder(folder: Path | None) -> Path | None:
    from gamelake.settings import read_settings

    return folder or read_settings().igdb_recorded


def sandbox(  # noqa: PLR0913, PLR0917 - one for each option
    host: Annotated[str, typer.Option(callback=_host, help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            callback=_port,
            show_default=False,
            help="0 is any free one. Default: GAMELAKE_SANDBOX_PORT, else 8900.",
        ),
    ] = None,
    games: Annotated[int, typer.Option(help="The number of games to make up.")] = 5_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same games.")] = 1,
    today: Annotated[
        str | None,
        typer.Option(metavar="DAY", callback=korean_day, show_default=False, help="Default: the real day, and on."),
    ] = None,
    first_day: Annotated[
        str | None,
        typer.Option(metavar="DAY", callback=korean_day, show_default=False, help="The day of the first rows."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            callback=_folder,
            show_default=False,
            help="Serve the rows of its *.jsonl files, one for each endpoint. Default: IGDB_RECORDED.",
        ),
    ] = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Do not limit requests.")] = False,
    end_with_input: Annotated[
        bool, typer.Option("--end-with-input", help="End when standard input ends: with the program that writes to it.")
    ] = False,
    latency: Annotated[float, typer.Option(min=0, max=3600, help="The seconds that a query takes.")] = 0.04,
) -> None:
    """Serve a local IGDB, and a local RAWG with the same games, that need no account."""
    try:
        from sandbox.igdb import Sandbox, World, WorldError
        from sandbox.igdb.limits import MAX_OPEN_REQUESTS, REQUESTS_PER_SECOND
        from sandbox.igdb.serving import serve
        from sandbox.rawg import KEY, PATH, Behaviour, RawgSandbox
    except ModuleNotFoundError as error:
        if error.name not in ("sandbox", "sandbox.igdb", "sandbox.rawg"):
            raise
        raise SandboxMissingError(
            "the sandbox is not installed here: it is in the folder sandbox/ of the repository, and in the image that "
            "`docker build --target sandbox` makes"
        ) from error
    from datetime import UTC, datetime

    from gamelake.days import day_of, parse_day

    last = parse_day(today) if today else day_of(datetime.now(UTC))
    first = parse_day(first_day) if first_day else last
    if first > last:
        raise typer.BadParameter(f"found {first}, expected {last} or an earlier day", param_hint="'--first-day'")
    try:
        if data is not None:
            world = World.recorded(data, seed=seed, first_day=first, today=last)
        else:
            world = World.generate(seed=seed, games=games, first_day=first, today=last)
    except WorldError as error:
        raise typer.BadParameter(str(error)) from error
    served = Sandbox(
        world,
        requests_per_second=None if no_limits else REQUESTS_PER_SECOND,
        max_open_requests=None if no_limits else MAX_OPEN_REQUESTS,
        latency=latency,
        follow_calendar=today is None,
    )
    RawgSandbox(served, behaviour=Behaviour(monthly_requests=None) if no_limits else Behaviour())
    also = f"sandbox RAWG on {{url}}{PATH}; key {KEY}"
    serve(served, world, host=host, port=port or 0, end_with_input=end_with_input, also=also)

"""The commands of `gamelake`, and their errors.

The modules of this package import the rest of gamelake inside their functions, so that every command starts fast. No
other package imports this one.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, cast

import typer
from typer.main import get_command

from gamelake.cli import (
    events,
    explain,
    feed,
    generate,
    health,
    lake,
    laptop,
    marts,
    new,
    notify,
    quality,
    sandbox,
    settings,
    slo,
    smoke,
    webhooks,
)
from gamelake.cli.silence import told
from gamelake.errors import INTERRUPTED, LEFT, is_explained

if TYPE_CHECKING:
    from pydantic import ValidationError

app = typer.Typer(
    help="A lakehouse of video games: load it, build its marts, maintain both.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(laptop.run)
app.command("up")(laptop.up)
app.command("down")(laptop.down)
app.command("sandbox")(sandbox.sandbox)
app.command("generate")(generate.generate)
app.command("health")(health.health)
app.command("slo")(slo.slo)
app.command("smoke")(smoke.smoke)
app.command("notify")(notify.notify)
app.command("quality")(quality.quality)
app.command("explain")(explain.explain)
app.add_typer(lake.group, name="lake")
app.add_typer(feed.group, name="feed")
app.add_typer(events.group, name="events")
app.add_typer(marts.group, name="marts")
app.add_typer(settings.group, name="settings")
app.add_typer(new.group, name="new")
app.add_typer(webhooks.group, name="webhooks")
app.add_typer(laptop.group, name="laptop")


_FULL = {errno.ENOSPC, errno.EDQUOT}
"""What the system answers where a disk, or the part of it that a user may fill, is full."""


def run(words: list[str]) -> int:
    """Run a command, given its words. Returns: the exit status, as `main`."""
    try:
        with told(words):
            status = int(get_command(app)(words, prog_name="gamelake", standalone_mode=False) or 0)
            sys.stdout.flush()
    except typer.TyperException as error:
        print(_usage(error), file=sys.stderr)
        return error.exit_code
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):  # typer makes status 1 of it
            raise
        _end_of_output()
        return LEFT
    except Exception as error:
        if is_explained(error):
            print(error, file=sys.stderr)
        elif not isinstance(error, OSError):
            raise
        elif not (failure := _end_of_output()):
            if error.errno not in _FULL:
                raise
            print(_full(error), file=sys.stderr)
        elif isinstance(failure, BrokenPipeError):  # as in `gamelake lake show | head -1`
            return LEFT
        else:
            print(f"standard output cannot be written: {failure.strerror}", file=sys.stderr)
        return 1
    if status == INTERRUPTED:
        again = "`make run` again continues" if words == ["run"] else "run the same command again"
        print(f"\nInterrupted. Nothing is lost: {again}.", file=sys.stderr)
    return status


def _full(error: OSError) -> str:
    """Return which disks may be full, and what to do: the error of a write names no file."""
    from gamelake.settings import read_settings

    found = read_settings()
    where = error.filename or f"{found.gamelake_local} (GAMELAKE_LOCAL), {found.gamelake_uri} (GAMELAKE_URI)"
    return f"{error.strerror}: {where}. Remove files on that disk, or name a folder of another one; then run it again"


def _end_of_output() -> OSError | None:
    """Return why standard output cannot be written, after which nothing is written there; None if it can be."""
    try:
        print(flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still has in its buffer
        return error
    return None


_EXPECTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
"""What an argument should have been, by pydantic's name of what is wrong."""


def _expected(refusal: BaseException | None) -> str | None:
    """Return what was found and expected, in the words of all commands, if pydantic refused an argument."""
    if type(refusal).__module__.partition(".")[0] != "pydantic_core":  # its import takes long
        return None
    first = cast("ValidationError", refusal).errors()[0]
    expected = _EXPECTED.get(first["type"])
    return expected and f"found {first['input']!r}, expected {expected.format(**first.get('ctx', {}))}"


def _usage(error: typer.TyperException) -> str:
    """Return what is wrong with the arguments, in one line; or the help of a group that was given no command."""
    if isinstance(error, typer.BadParameter) and (expected := _expected(error.__cause__)):
        error.message = expected
    message, context = error.format_message(), getattr(error, "ctx", None)
    return message if context is None or "\n" in message else f"{context.command_path}: {message}"

"""`python -m sandbox.igdb`: serve a local IGDB until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from gamelake.days import PartitionError, day_of, format_day, parse_day
from sandbox.igdb import Sandbox, SandboxError, World
from sandbox.igdb.limits import MAX_OPEN_REQUESTS, REQUESTS_PER_SECOND


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns: 0 after a signal, 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except SandboxError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.igdb", description="A local IGDB, no account needed.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GAMELAKE_SANDBOX_PORT") or "8900",
        help="0 takes a free one (default: the variable GAMELAKE_SANDBOX_PORT, else 8900)",
    )
    parser.add_argument("--games", type=int, default=5_000, help="how many games to make up (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same world (default: %(default)s)")
    parser.add_argument(
        "--today",
        type=_day,
        metavar="YYYY-MM-DD",
        help="Korean day; without it the real one, and the sandbox follows it",
    )
    parser.add_argument("--first-day", type=_day, metavar="YYYY-MM-DD", help="day of the first rows (default: today)")
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("IGDB_RECORDED") or None,
        metavar="FOLDER",
        help="serve the rows of <endpoint>.jsonl files in place of made-up ones (default: the variable IGDB_RECORDED)",
    )
    parser.add_argument("--no-limits", action="store_true", help="no limit on requests a second or open at once")
    parser.add_argument(
        "--latency", type=_seconds, default=0.04, help="seconds that a query takes (default: %(default)s)"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 3600:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected seconds from 0, such as 0.04")
    return seconds


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except PartitionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    world = _world(options)
    sandbox = Sandbox(
        world,
        requests_per_second=None if options.no_limits else REQUESTS_PER_SECOND,
        max_open_requests=None if options.no_limits else MAX_OPEN_REQUESTS,
        latency=options.latency,
        follow_calendar=options.today is None,
    )
    url, runner = await sandbox.start(options.host, options.port)
    sys.stdout.write(
        f"sandbox IGDB on {url}; client id sandbox, secret sandbox-secret; "
        f"{len(world.table('games')):,} games; today {format_day(world.today)}\n"
    )
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    return 0


def _world(options: argparse.Namespace) -> World:
    today = options.today or day_of(datetime.now(UTC))
    first_day = options.first_day or today
    if options.data is not None:
        return World.recorded(options.data, seed=options.seed, first_day=first_day, today=today)
    return World.generate(seed=options.seed, games=options.games, first_day=first_day, today=today)


if __name__ == "__main__":
    sys.exit(main())

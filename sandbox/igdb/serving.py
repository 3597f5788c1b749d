"""A sandbox as a process: it serves until a signal. `gamelake sandbox` calls it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from gamelake.days import format_day
from sandbox.igdb.errors import SandboxError

if TYPE_CHECKING:
    from sandbox.igdb.server import Sandbox
    from sandbox.igdb.world import World


def serve(
    sandbox: Sandbox, world: World, *, host: str, port: int, end_with_input: bool = False, also: str = ""
) -> None:
    """Serve until SIGTERM or SIGINT; print the URL when it is ready.

    Args:
        sandbox: What to serve.
        world: The rows of the sandbox.
        host: The address to listen on.
        port: The port to listen on; 0 is any free one.
        end_with_input: End when standard input ends, too.
        also: A line about another API on the same port, printed after that of IGDB; `{url}` stands for the URL.

    Raises:
        SandboxError: The port cannot be used, or the end of standard input cannot be noticed.
    """
    asyncio.run(_serve(sandbox, world, host, port, end_with_input, also))


async def _serve(sandbox: Sandbox, world: World, host: str, port: int, end_with_input: bool, also: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if end_with_input:

        def read() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                stop.set()
                loop.remove_reader(sys.stdin)

        try:
            loop.add_reader(sys.stdin, read)
        except (OSError, ValueError):  # the system does not watch a file or /dev/null; a closed one is None
            expected = "expected a pipe or a terminal, or no --end-with-input"
            raise SandboxError(f"standard input: found a file, /dev/null or nothing, {expected}") from None
    url, runner = await sandbox.start(host, port)
    print(
        f"sandbox IGDB on {url}; client id sandbox, secret sandbox-secret; "
        f"{len(world.table('games')):,} games; today {format_day(world.today)}",
        flush=True,
    )
    if also:
        print(also.format(url=url), flush=True)
    await stop.wait()
    await runner.cleanup()

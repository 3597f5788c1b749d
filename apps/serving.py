"""The port of an app: opening it, and serving on it until a signal ends the app."""

from __future__ import annotations

import errno
import signal
import socket

import uvicorn


class ListenError(Exception):
    """Nothing can listen on the address; the message has what to do."""


def listen(address: str, port: int, *, example: str) -> socket.socket:
    """Open the port.

    Args:
        address: The address of this machine, of IPv4 or IPv6.
        port: The port, 0 for any free one.
        example: A command that names another port, for the message.

    Raises:
        ListenError: The port or the address cannot be used.
    """
    try:
        return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        if isinstance(error, OverflowError) or number in {errno.EADDRINUSE, errno.EACCES}:
            hint = f"--port: found {port}, expected one from 1024 to 65535 that is free (`{example}`)"
        else:
            hint = f"--address: found {address!r}, expected an address of this machine, such as 127.0.0.1"
        raise ListenError(f"cannot listen there: {hint}") from error


def serve(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # When it has ended, the server sends itself the signal again: an orderly end has the exit status 0.
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run([listener])

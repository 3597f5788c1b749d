"""The ports of `make up`: tried before anything starts, and remembered by the clone."""

from __future__ import annotations

import socket

from gamelake.local.environment import HOST, chosen_port, remember_port, set_port


class PortTakenError(RuntimeError):
    """The port that the user chose is taken; the message has what to do."""


class NoLoopbackError(RuntimeError):
    """This machine has no address on which a local service could listen; the message has what to do."""


def claim(variable: str, service: str, *, claimed: int | None = None) -> int:
    """Return the port of a service that is about to start, which this clone then remembers.

    A taken port is replaced by a free one, unless the variable sets it.

    Args:
        variable: It may set the port.
        service: Its name, for messages.
        claimed: The port of a service that starts too.

    Raises:
        NoLoopbackError: No port could be used.
        PortTakenError: The variable sets a port that is taken.
        SettingsError: The variable sets no port.
    """
    _check_loopback()
    port = chosen_port(variable)
    if port != claimed and is_free(port):
        remember_port(variable, port)
        return port
    if set_port(variable):
        owner = "another service of `make up`" if port == claimed else "another process: stop that process"
        raise PortTakenError(
            f"{variable}: port {port} for {service} is taken by {owner}. Choose another one, or unset {variable} to "
            "get a free one"
        )
    free = _next_free(port)
    remember_port(variable, free)
    print(f"Port {port} is taken: {service} gets {free} in this clone ({variable} chooses another).")
    return free


def _check_loopback() -> None:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, 0))
        except OSError as error:
            raise NoLoopbackError(
                f"cannot listen on {HOST}: {error.strerror}; expected a loopback interface that is up and has IPv4, as "
                "`ip addr show lo` lists it"
            ) from error


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        # As servers do: a port whose last connections are just closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _next_free(port: int) -> int:
    """Return the next free port above; any free one if the hundred above are taken."""
    for candidate in range(port + 1, min(port + 100, 65536)):
        if is_free(candidate):
            return candidate
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])

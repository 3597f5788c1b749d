"""Ports are tried before anything starts, and a clone keeps those that it got."""

from __future__ import annotations

import socket

from gamelake.local.environment import HOST, chosen_port, remember_port, set_port


class PortTakenError(RuntimeError):
    """The port that the user chose is another process's; the message says what to do."""


def claim(variable: str, who: str) -> int:
    """Return the port for a part that is about to start, which this clone then remembers.

    A taken port is replaced by a free one, unless the variable asks for it.
    Raises: PortTakenError, if the variable names a taken port; SettingsError, if it names none.
    """
    port = chosen_port(variable)
    if is_free(port):
        remember_port(variable, port)
        return port
    if set_port(variable):
        raise PortTakenError(
            f"port {port} is taken by another process, and {variable} chooses it for {who}: stop that process, "
            f"choose another port, or unset {variable} to get a free one"
        )
    free = _next_free(port)
    remember_port(variable, free)
    print(f"Port {port} is taken by another process: {who} gets {free} in this clone ({variable} chooses another).")
    return free


def is_free(port: int) -> bool:
    """Whether a server could listen on this machine's port."""
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

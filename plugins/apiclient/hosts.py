"""The host of a URL. Apart from the transport: a program that only reads addresses does not import aiohttp."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarl import URL


def is_this_machine(url: URL) -> bool:
    """Return whether the host of a URL is the loopback."""
    name = host_of(url)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(url: URL) -> str:
    """Return the host of a URL in the one form in which hosts can be compared."""
    return (url.host or "").lower().rstrip(".")

"""URLs as errors may show them, and hosts to which a secret may be sent without encryption."""

from __future__ import annotations

import re
from ipaddress import ip_address


def without_secrets(url: str) -> str:
    """Return an address without its user, and without the values of its query: either may be a secret."""
    return re.sub(r"(?s)\?.*", "?***", re.sub(r"(?si)^([a-z][a-z0-9+.-]*:/*)?.*@", r"\1***@", url))


def is_near(host: str) -> bool:
    """Return whether a host is this machine, or has a name without a domain, as the hosts of compose have."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host

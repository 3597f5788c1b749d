"""Which proxy the environment names for a URL, and how hosts are reached without one."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL, from HTTP_PROXY, HTTPS_PROXY and NO_PROXY in capitals or not; None for no proxy."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def without_proxy(*hosts: str) -> dict[str, str]:
    """Return the variables with which these hosts, too, are reached without a proxy."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    found = [host.strip() for host in listed.split(",") if host.strip()]
    # `*` is every host, but only where it stands alone.
    direct = "*" if found == ["*"] else ",".join(dict.fromkeys([*found, *hosts]))
    return {"no_proxy": direct, "NO_PROXY": direct}

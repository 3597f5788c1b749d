"""URLs as errors may show them."""

from __future__ import annotations

import re


def without_secrets(url: str) -> str:
    """Return an address without its user, and without the values of its query: either may be a secret."""
    return re.sub(r"(?s)\?.*", "?***", re.sub(r"(?si)^([a-z][a-z0-9+.-]*:/*)?.*@", r"\1***@", url))

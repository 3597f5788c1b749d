"""The command `gamelake` as it is installed beside the Python of the tests, and the environment to run it in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

GAMELAKE = str(Path(sys.executable).with_name("gamelake"))


def environment_without(*prefixes: str) -> dict[str, str]:
    """Return the variables of this process, except those that begin with a prefix."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}

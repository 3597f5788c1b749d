"""The command `gamelake` as it is installed beside the Python of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

GAMELAKE = str(Path(sys.executable).with_name("gamelake"))

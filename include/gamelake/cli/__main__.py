"""`python -m gamelake.cli` is the command `gamelake`, for a Python that is named by its path."""

from __future__ import annotations

import sys

from gamelake.cli.main import main

sys.exit(main())

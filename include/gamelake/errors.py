"""Which errors explain themselves, and the exit status of a command that was ended."""

from __future__ import annotations

import signal

from gamelake.paths import REPOSITORY

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C ended."""
LEFT = 128 + signal.SIGPIPE
"""The exit status of a command whose reader has left, as that of other programs in `... | head -1`."""


def is_explained(error: BaseException) -> bool:
    """Return whether an error is one of ours: its message states what happened and what to do."""
    package = type(error).__module__.partition(".")[0]
    return package in {"gamelake", "sandbox"} or (REPOSITORY / "plugins" / package).is_dir()

"""Which errors explain themselves, and the exit status of an interrupted command."""

from __future__ import annotations

import signal

from gamelake.paths import REPOSITORY

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C ended."""


def is_explained(error: BaseException) -> bool:
    """Return whether an error is one of ours: its message states what happened and what to do."""
    package = type(error).__module__.partition(".")[0]
    return package in {"gamelake", "sandbox"} or (REPOSITORY / "plugins" / package).is_dir()

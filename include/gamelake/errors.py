"""Which errors explain themselves."""

from __future__ import annotations

from gamelake.paths import REPOSITORY


def is_explained(error: BaseException) -> bool:
    """Return whether an error is one of ours: its message states what happened and what to do."""
    package = type(error).__module__.partition(".")[0]
    return package in {"gamelake", "sandbox"} or (REPOSITORY / "plugins" / package).is_dir()

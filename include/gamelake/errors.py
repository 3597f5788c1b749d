"""Which errors explain themselves."""

from __future__ import annotations

_OURS = ("gamelake.", "igdb.", "sandbox.")


def is_explained(error: BaseException) -> bool:
    """Return whether an error is one of ours: its message states what happened and what to do."""
    return type(error).__module__.startswith(_OURS)

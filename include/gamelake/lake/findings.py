"""What an audit finds: objects that are unneeded, foreign, missing or damaged, and events that were not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from gamelake.lake.store import ObjectInfo

RETENTION = timedelta(days=7)
"""How long a commit is needed after the next one: as long as the lifecycle rule keeps outdated parts."""


class Problem(StrEnum):
    """What is wrong with an object."""

    ORPHAN = "orphan"
    FOREIGN = "foreign"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Finding:
    """One wrong object. bytes, modified: of the object in the store; 0 and None if it is missing."""

    problem: Problem
    key: str
    reason: str
    bytes: int = 0
    modified: datetime | None = None

    @classmethod
    def orphan(cls, info: ObjectInfo, reason: str) -> Finding:
        """Return the finding of an object that nothing needs."""
        return cls(Problem.ORPHAN, info.key, reason, info.size, info.modified)

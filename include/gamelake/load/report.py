"""What a load says of itself when it has committed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did: the figures of its asset event.

    `rows` were staged by this load, `resumed_rows` of them by an earlier try of its run; `row_count` are in the table
    now, `source_count` the source has; `repaired_ranges` differed from the source, where `gone` rows were deleted;
    `late` rows had changed before the last load, and were visible only after it;
    `bytes` are compressed; `undeclared` counts fields that the registry does not declare; `unproven` are the ranges
    whose rows differ from the source's count, with both numbers; `warnings` are what a person should look at.
    """

    source: str
    entity: str
    partition: str
    mode: str
    version: int
    rows: int
    resumed_rows: int
    files: int
    bytes: int
    requests: int
    seconds: float
    row_count: int
    source_count: int | None
    repaired_ranges: int
    gone: int
    late: int
    rejected: int
    undeclared: dict[str, int] = field(default_factory=dict)
    unproven: list[dict[str, int | None]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON-able values."""
        return asdict(self)

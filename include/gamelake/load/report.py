"""What a load did, in figures."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from gamelake.lake.manifest import Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.manifest import Manifest, Part

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did: the figures of its asset event.

    `rows` were staged by this load, `resumed_rows` of them by an earlier try of its run; `row_count` are in the table
    now, `source_count` the source has (None if it cannot count); `repaired_ranges` differed from the source, where
    `deleted` rows were deleted; `late` rows had changed before the last load, and were visible only after it;
    `bytes` are compressed; `undeclared` counts fields that the registry does not declare; `unproven` are the ranges
    whose rows differ from the source's count, with both numbers; `warnings` are what a person should look at; `proof`
    is how the rows were proven complete, and `proof_reason` why they are not.
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
    deleted: int
    late: int
    rejected: int
    undeclared: dict[str, int] = field(default_factory=dict)
    unproven: list[dict[str, int | None]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    proof: str = Proof.NONE.value
    proof_reason: str | None = None

    @classmethod
    def of(cls, manifest: Manifest, *, files: Sequence[Part], warnings: Sequence[str]) -> LoadReport:
        """Return the report of a load that has committed these files."""
        summary = manifest.summary
        return cls(
            source=manifest.source,
            entity=manifest.entity,
            partition=manifest.partition,
            mode=manifest.mode.value,
            version=manifest.version,
            rows=summary.rows_read,
            resumed_rows=summary.rows_resumed,
            files=len(files),
            bytes=sum(file.bytes for file in files),
            requests=summary.requests,
            seconds=summary.seconds,
            row_count=manifest.row_count,
            source_count=manifest.source_count,
            repaired_ranges=summary.ranges_repaired,
            deleted=summary.rows_deleted,
            late=summary.rows_late,
            rejected=summary.rows_rejected,
            undeclared=dict(summary.undeclared),
            unproven=to_builtins(list(manifest.unproven)),
            warnings=list(warnings),
            proof=summary.proof.value,
            proof_reason=summary.proof_reason,
        )

    def log(self) -> None:
        """Log the result, and each warning."""
        table = f"{self.source}.{self.entity}"
        for warning in self.warnings:
            log.warning("%s", warning)
        if self.undeclared:
            log.warning("%s: fields that entities.yaml does not declare: %s", table, self.undeclared)
        if self.proof_reason:
            log.info("%s: %s: %s", table, self.proof, self.proof_reason)
        counts = (f"{each:,}" for each in (self.rows, self.requests, self.row_count))
        log.info(
            "%s: %s load committed as version %d in %.1f s. Rows read: %s. Requests: %s. Rows of the table: %s",
            table, self.mode, self.version, self.seconds, *counts,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-able values."""
        return asdict(self)

"""The draft of the commit that a load makes, on top of the newest commit at that time."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gamelake.kinds import Kind
from gamelake.lake.claims import merge_parts
from gamelake.lake.manifest import AppliedEvents, Draft, Manifest, Mode, Proof, Summary
from gamelake.load import guard
from gamelake.load.errors import HeldError, LostPartError, check_origin
from gamelake.load.schedule import check_not_superseded
from gamelake.load.watermark import watermark_after
from gamelake.sources.base import Evidence, IncompleteError, ReconcileFigures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apiclient.stats import ClientStats
    from gamelake.lake.keys import LoadRun
    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from gamelake.lake.table import Table
    from gamelake.limits import Allow
    from gamelake.load.staging import Staging
    from gamelake.registry import Entity
    from gamelake.sources.base import Reader

log = logging.getLogger(__name__)

NAMED_FIELDS = 100
"""The undeclared fields that a commit names, the most frequent ones."""
NAME_LENGTH = 100
"""The characters of a field's name that it has."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a load has read.

    began: when it began to read (unix seconds), by the source's clock. watermark: up to when it has read all changes.
    source_count: how many rows the source has; None if it cannot count. figures: of the reconciliation. evidence: what
    the reader states itself of its completeness. mode: of the commit, where it differs from that of the load.
    """

    began: int
    watermark: int
    source_count: int | None
    figures: ReconcileFigures
    evidence: Evidence | None = None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The state at the start of a load, from which its figures are counted.

    began: by this machine's monotonic clock. stats: of the reader. rows_resumed: staged by an earlier try of the run.
    """

    began: float
    stats: ClientStats
    rows_resumed: int


@dataclass(slots=True)
class NextCommit:
    """The next commit of a load; `draft` is what `Table.commit` calls, again for each race it loses.

    base: the commit that was the newest when the load began. warnings: of the latest draft, for people.
    """

    table: Table
    entity: Entity
    run: LoadRun
    mode: Mode
    base: Manifest | None
    staging: Staging
    reader: Reader
    store: Store
    files: tuple[Part, ...]
    read: ReadResult
    figures: LoadFigures
    allow: Allow
    warnings: list[str] = field(default_factory=list)

    def draft(self, newest: Manifest | None) -> Draft:
        """Return the commit on top of the newest one.

        Raises:
            HeldError: the table would lose too many rows.
            OtherOriginError: the table has rows of another server.
            IncompleteError: the source counts other rows than the table would have.
            SupersededError: another load read the source later.
            StoreError, ManifestError: of the table's history.
        """
        origin, applied = self.reader.origin, applied_below(self.base, newest)
        newest = self._below(newest)
        check_origin(self.run.table, origin, newest, self.store)
        check_not_superseded(self.base, newest, began=self.read.began)
        on_base = newest is None or (self.base is not None and newest.version == self.base.version)
        row_count = self._row_count(newest)
        if on_base:
            self._check_count(row_count)
        shrink_allowed = self._check_volume(newest, row_count)
        watermark, set_back = watermark_after(newest, self.read.watermark, is_base=on_base)
        self.warnings += set_back
        return Draft(
            run_id=self.run.run_id,
            partition=self.run.partition,
            mode=self.mode,
            cursor=str(watermark),
            source_count=self.read.source_count,
            row_count=row_count,
            summary=self._summary(cursor_set_back=bool(set_back)),
            origin=origin or (newest.origin if newest else None),
            unproven=self.staging.miscounts.found,
            shrink_allowed=shrink_allowed,
            rejected_key=self.staging.rejects.key,
            events=applied,
            files=merge_parts(
                () if newest is None else newest.files, self.files, per_partition=self.entity.kind is Kind.TIME_SERIES
            ),
        )

    def _below(self, newest: Manifest | None) -> Manifest | None:
        """Return the commit to build on: the base, if only events were applied since this load began.

        The rows that were read may be older than those events or newer. So the commit has what this load proves, and
        the events are applied again on top of it.
        """
        if newest is None or self.base is None or newest.last_load != self.base.last_load:
            return newest
        return self.base

    def _summary(self, *, cursor_set_back: bool) -> Summary:
        """Return the figures of this load, up to now."""
        staging, found = self.staging, self.read.figures
        evidence = self.read.evidence or Evidence(self._proof())
        stats = self.reader.stats
        return Summary(
            rows_read=staging.rows,
            rows_resumed=self.figures.rows_resumed,
            rows_rejected=len(staging.rejects),
            rows_deleted=found.deleted,
            rows_late=found.late,
            ranges_repaired=found.repaired_ranges,
            undeclared=most_common(staging.undeclared),
            requests=stats.requests - self.figures.stats.requests,
            retries=stats.retries - self.figures.stats.retries,
            bytes=stats.bytes - self.figures.stats.bytes,
            seconds=round(time.monotonic() - self.figures.began, 3),
            proof=evidence.proof,
            cursor_set_back=cursor_set_back,
            proof_reason=evidence.reason,
        )

    def _proof(self) -> Proof:
        if self.read.source_count is None:
            return Proof.NONE
        return Proof.UNPROVEN if self.staging.miscounts.found else Proof.COUNTED

    def _row_count(self, newest: Manifest | None) -> int:
        return len(self.staging.ids_after(newest)) if self.mode is Mode.INCREMENTAL else self.staging.rows

    def _check_count(self, row_count: int) -> None:
        count = self.read.source_count
        # The source counts the rejected rows too, or some of them: they may have changed while they were read.
        if count is not None and not row_count <= count <= row_count + len(self.staging.rejects):
            raise IncompleteError(str(self.entity), "the whole table", row_count, count)

    def _check_volume(self, newest: Manifest | None, row_count: int) -> bool:
        """Hold a table that lost rows. Returns: whether it did and an operator allowed it."""
        commits = [] if newest is None else guard.recent(self.table.loads_up_to(newest))
        judge = partial(
            guard.judge,
            self.entity,
            row_count,
            partition=self.run.partition,
            rejected=len(self.staging.rejects),
            removed=self._removed_rows(newest, commits),
        )
        verdict = judge(commits)
        beyond = verdict.held
        if newest and beyond and (shrunk := self.table.shrunk_by_events(newest)):
            beyond = judge([shrunk]).held
        if beyond and not self.allow.shrink:
            raise HeldError(beyond)
        reason = "allow_shrink is set" if beyond else "the events that removed them were allowed"
        warning = f"{verdict.held} Committed, as {reason}." if verdict.held else verdict.warning
        self.warnings = [warning] if warning else []
        return verdict.held is not None

    def _removed_rows(self, newest: Manifest | None, loads: Sequence[Manifest]) -> int:
        """Return how many rows of the newest commit the next one lacks, by their ids.

        Without as many as events have added since the last load: a load has the last word on these.
        """
        if newest is None or self.entity.kind is Kind.TIME_SERIES:
            return 0
        added = newest.row_count - loads[0].row_count if loads else 0
        try:
            return self.staging.removed_from(newest) - max(0, added)
        except LostPartError as error:
            if self.mode is Mode.INCREMENTAL:
                raise
            log.warning("%s: its rows are not compared by their ids: %s", self.entity, error)
            return 0  # all rows were read: this load repairs the table


def applied_below(base: Manifest | None, newest: Manifest | None) -> AppliedEvents | None:
    """Return which events the rows of a commit have that builds on `base`: what came later is applied again."""
    if newest is None or (newest.events is None and (base is None or base.events is None)):
        return None
    known = base.events if base and base.events else AppliedEvents(through=0, until=0.0, load=1)
    return AppliedEvents(through=known.through, until=known.until, load=newest.last_load)


def most_common(undeclared: Counter[str]) -> dict[str, int]:
    """Return the fields to name: a source may send another name with every row, and names of any length."""
    named: Counter[str] = Counter()
    for name, rows in undeclared.most_common(NAMED_FIELDS):
        named[name[:NAME_LENGTH]] += rows
    return dict(named)

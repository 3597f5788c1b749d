"""One load of one entity: decide what to read, read it, stage it, commit it.

A load that is killed or fails leaves the table as it was: parts count only once a manifest names them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gamelake.kinds import Kind
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Manifest, ManifestError, Mode, Proof
from gamelake.lake.parts import PART_BYTES, PartStage
from gamelake.lake.store import StoreError
from gamelake.lake.table import Table
from gamelake.limits import Allow
from gamelake.load.checkpoint import RESUME_SECONDS, Checkpoint
from gamelake.load.errors import HeldError, LoadError, PausedError, check_origin
from gamelake.load.missing_fields import MissingFieldsError, check_fields
from gamelake.load.next_commit import LoadFigures, NextCommit, ReadResult
from gamelake.load.report import LoadReport
from gamelake.load.schedule import check_readable
from gamelake.load.scratch import scratch_folder
from gamelake.load.staging import Staging
from gamelake.load.unverified import unverified_after
from gamelake.load.watermark import open_changes, watermark_of
from gamelake.registry import load_sources
from gamelake.sources.base import IncompleteError, ReconcileFigures, counting, evidence_of, forget_replies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from apiclient.stats import ClientStats
    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from gamelake.sources.base import Page, Reader

log = logging.getLogger(__name__)


class Load:
    """Loads one entity into one store.

    Args:
        reader: reads the entity; its client is open.
        store: where the lake is.
        entity: what to load.
        run: the run and the partition that it loads.
        full_refresh: read an incremental entity whole.
        allow: which limits of the entity this load may exceed.
        part_bytes: plain JSONL after which a new part begins.
    """

    def __init__(
        self,
        reader: Reader,
        store: Store,
        entity: Entity,
        run: LoadRun,
        *,
        full_refresh: bool = False,
        allow: Allow = Allow(),  # noqa: B008 - it is frozen
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._reader = reader
        self._store = store
        self._entity = entity
        self._run = run
        self._full_refresh = full_refresh
        self._allow = allow
        self._part_bytes = part_bytes
        self._table = Table(store, run.table)
        self._beside: Manifest | None = None

    async def run(self) -> LoadReport:
        """Read, stage, commit.

        Returns:
            What was done, in figures.

        Raises:
            LoadError: the load is refused, held or superseded.
            IncompleteError: the source counts other rows than it returns.
            ApiError: the source failed.
            StoreError, ManifestError: the lake failed.
        """
        began, stats = time.monotonic(), replace(self._reader.stats)
        try:
            try:
                return await self._load(began, stats)
            except MissingFieldsError as error:
                log.warning("%s", error)
            self._full_refresh = True
            return await self._load(began, stats)
        except (LoadError, IncompleteError):
            await self._forget(lambda: forget_replies(self._reader))
            raise

    async def _load(self, began: float, stats: ClientStats) -> LoadReport:
        opened = time.time()
        base = await asyncio.to_thread(self._table.latest)
        self._beside = base or await asyncio.to_thread(self._of_another_table)
        mode = self._mode(base)
        checkpoint = Checkpoint(
            self._store, self._reader, run=self._run, mode=mode, base_version=base.version if base else 0
        )
        await checkpoint.resume()
        below = base if mode is Mode.INCREMENTAL else None
        with (
            scratch_folder() as scratch,
            PartStage(
                self._store,
                self._run,
                scratch=scratch,
                part_bytes=self._part_bytes,
                resumed=checkpoint.resumed_parts,
                committed=base.files if base else (),
                on_stored=checkpoint.save,
            ) as parts,
        ):
            staging = Staging(
                parts, self._store, self._entity, self._run, self._reader,
                base=below, checkpoint=checkpoint, allow_unproven=self._allow.unproven,
            )  # fmt: skip
            if mode is Mode.INCREMENTAL:
                read = await self._read_changes(base, staging)
            else:
                read = await self._read_all(mode, checkpoint, staging)
            self._check_pause(time.time() - opened)
            await asyncio.to_thread(staging.keep_rejected)
            files = await asyncio.to_thread(parts.finish)
            commit = NextCommit(
                table=self._table,
                entity=self._entity,
                run=self._run,
                mode=read.mode or mode,
                base=base,
                staging=staging,
                reader=self._reader,
                store=self._store,
                files=files,
                read=read,
                figures=LoadFigures(began, stats, checkpoint.resumed_rows),
                allow=self._allow,
            )
            try:
                manifest = await asyncio.to_thread(self._table.commit, commit.draft)
            except HeldError:
                await self._forget(checkpoint.forget)
                raise
        try:
            await asyncio.to_thread(checkpoint.delete)
        except StoreError as error:  # the rows are committed: it must not hold back the marts
            log.warning("%s: committed, but the note of its progress stays: %s", self._entity, error)
        report = LoadReport.of(manifest, files=files, warnings=commit.warnings)
        report.log()
        return report

    async def _forget(self, what: Callable[[], None]) -> None:
        """Drop what is kept for the next try: it must ask the source again, as what was read is refused."""
        try:
            await asyncio.to_thread(what)
        except StoreError as error:  # the refusal is what has to be told
            log.warning("%s: what was read is kept, and the next try may use it: %s", self._entity, error)

    def _of_another_table(self) -> Manifest | None:
        """Return the newest commit of another table of the source, before this table has one; None if none has."""
        for name in load_sources()[self._entity.source].entities:
            with contextlib.suppress(ManifestError):  # the audit names what is damaged
                if found := Table(self._store, TableName(self._entity.source, name)).latest():
                    return found
        return None

    async def _read_all(self, mode: Mode, checkpoint: Checkpoint, staging: Staging) -> ReadResult:
        """Stage all rows."""
        if checkpoint.resumed_parts:
            pages = self._reader.read_remaining(checkpoint.claims, rows=checkpoint.resumed_rows)
        else:
            pages = self._reader.read_all()
        await staging.stage_pages(self._checked(pages), f"{mode} read")
        staging.check_whole()
        source_count = staging.rows + len(staging.rejects) if counting(self._reader) else None
        began, evidence = checkpoint.began, evidence_of(self._reader)
        return ReadResult(
            began=began,
            watermark=began,
            source_count=source_count,
            figures=ReconcileFigures(),
            evidence=evidence,
            # What was read of a table changes it; it is not the table.
            mode=Mode.INCREMENTAL if evidence and evidence.proof is Proof.PARTIAL else None,
        )

    async def _read_changes(self, base: Manifest | None, staging: Staging) -> ReadResult:
        """Stage the rows that changed, then, if the source can count, what else differs from it."""
        reading_base = asyncio.create_task(asyncio.to_thread(staging.read_base))
        try:
            begins = base is None or not (self._entity.read_whole or base.row_count)
            period, pages = await open_changes(self._reader, self._table, None if begins else base, self._run.partition)
            await staging.stage_pages(self._checked(pages), "changes")
            await reading_base
            if base and self._entity.read_whole and period.until is None:
                await asyncio.to_thread(
                    check_fields, self._store, self._entity, base, rows=staging.rows, filled=staging.filled
                )
        finally:
            reading_base.cancel()
        figures = None
        if base and (reader := counting(self._reader)):
            unverified = await asyncio.to_thread(unverified_after, self._store, base)
            since = period.since if period.until is None else None
            reconciliation = reader.reconcile(staging, unverified=unverified, since=since)
            async for phase in reconciliation.phases():
                await staging.stage_pages(phase.pages, phase.name)
            figures = reconciliation.figures
        # Last: a later reply may have an earlier date.
        clock, evidence = int(self._reader.clock.timestamp()), evidence_of(self._reader)
        watermark = watermark_of(period, base, clock)
        until = evidence.until if evidence and period.until is None else None
        return ReadResult(
            began=clock,
            watermark=watermark if until is None else min(watermark, until),
            source_count=figures.source_count if figures else None,
            figures=figures or ReconcileFigures(),
            evidence=evidence,
        )

    def _check_pause(self, seconds: float) -> None:
        """Refuse the rows of a day that were read before and after a machine slept: no time-out counts that time."""
        if self._entity.kind is Kind.TIME_SERIES and seconds > RESUME_SECONDS:
            raise PausedError(str(self._entity), seconds)

    async def _checked(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """Yield the pages, once the first reply shows that the partition can be read and whose rows they are."""
        async for page in pages:
            self._check_reply()
            yield page
        self._check_reply()

    def _check_reply(self) -> None:
        check_readable(self._entity, self._run.partition, self._reader.clock)
        check_origin(self._run.table, self._reader.origin, self._beside, self._store)

    def _mode(self, base: Manifest | None) -> Mode:
        if self._entity.kind is not Kind.INCREMENTAL:
            return Mode.SNAPSHOT
        if not self._entity.read_whole:
            return Mode.INCREMENTAL
        return Mode.FULL if base is None or self._full_refresh else Mode.INCREMENTAL

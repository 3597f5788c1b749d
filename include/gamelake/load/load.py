"""One load of one entity: decide what to read, read it, stage it, commit it.

Killed or failed anywhere, the table is as it was: parts count only once a manifest names them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING

from gamelake.days import format_day
from gamelake.lake.files import Claim, merge_files
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Manifest, Mode, Proof, Summary, Table
from gamelake.lake.parts import PART_BYTES, PartStage, Rows
from gamelake.lake.store import place_of
from gamelake.limits import Allow
from gamelake.load import guard
from gamelake.load.contract import RowContract
from gamelake.load.doubts import doubts_of
from gamelake.load.errors import HeldError, IncompleteError, OtherOriginError
from gamelake.load.live import LiveTable
from gamelake.load.miscounts import Miscounts
from gamelake.load.rejects import Rejects
from gamelake.load.report import LoadReport
from gamelake.load.resume import RunProgress
from gamelake.load.schedule import check_not_superseded, check_readable
from gamelake.load.scratch import scratch_folder
from gamelake.load.watermark import open_changes, watermark_after, watermark_of
from gamelake.registry import Kind
from gamelake.sources.igdb.late_updates import LateUpdates
from gamelake.sources.igdb.reader import Page, Reader
from gamelake.sources.igdb.reconcile import Comparison

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import date
    from pathlib import Path

    from gamelake.lake.files import File
    from gamelake.lake.rows import LiveIds
    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from igdb.client import IgdbClient

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0

_NO_ROWS = Rows(b"", (), None)


class Load:
    """Loads one entity into one store.

    Args:
        client: an open client of the API.
        store: where the lake is.
        entity: what to load.
        day: the Korean day that the load is for.
        run_id: names the run in the lake.
        full_refresh: read an incremental entity whole.
        allow: which limits of the entity this load may exceed.
        part_bytes: plain JSONL after which a new part begins.
    """

    def __init__(
        self,
        client: IgdbClient,
        store: Store,
        entity: Entity,
        *,
        day: date,
        run_id: str,
        full_refresh: bool = False,
        allow: Allow = Allow(),  # noqa: B008 - it is frozen
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._client = client
        self._store = store
        self._entity = entity
        self._day = day
        self._full_refresh = full_refresh
        self._allow = allow
        self._part_bytes = part_bytes
        self._run = LoadRun(entity.table, format_day(day), run_id)
        self._table = Table(store, entity.table)
        self._reader = Reader(client, entity, RowContract(entity))
        self._live = LiveTable(store)
        self._rejects = Rejects(store, entity, self._run)
        self._miscounts = Miscounts(entity, allowed=allow.unproven)
        self._warnings: list[str] = []
        self._undeclared: Counter[str] = Counter()
        self._rows = 0
        self._expected_rows = 0
        self._began = 0
        self._started = 0.0
        self._stats = client.stats
        self._repaired = 0
        self._gone = 0
        self._late = 0

    @property
    def rows(self) -> int:
        """How many rows are staged so far."""
        return self._rows

    async def run(self) -> LoadReport:
        """Read, stage, commit.

        Raises: LoadError; ApicalypseError and IgdbError of the client; StoreError and ManifestError of the lake. In
        every case the table is as it was.
        """
        self._started, self._stats = time.monotonic(), replace(self._client.stats)
        base = await asyncio.to_thread(self._table.latest)
        mode = self._mode(base)
        progress = RunProgress(
            self._store, self._reader, run=self._run, mode=mode, base_version=base.version if base else 0
        )
        await progress.take_over()
        with scratch_folder() as scratch, self._stage(scratch, base, progress) as stage:
            if base is not None and mode is Mode.INCREMENTAL:
                watermark, source_count = await self._read_changes(base, stage)
            else:
                watermark, source_count = await self._read_everything(stage, progress, mode)
            self._began = progress.began
            await asyncio.to_thread(self._keep_rejects)
            files = await asyncio.to_thread(stage.finish)
            try:
                manifest = await asyncio.to_thread(self._commit, base, files, mode, watermark, source_count, progress)
            except (HeldError, OtherOriginError):
                # The next try is to see what the source shows then, and not what it showed now.
                await asyncio.to_thread(progress.forget)
                raise
        await asyncio.to_thread(progress.forget)
        summary = manifest.summary
        report = LoadReport(
            source=self._entity.source,
            entity=self._entity.name,
            partition=manifest.partition,
            mode=mode.value,
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
            gone=summary.rows_deleted,
            late=summary.rows_late,
            rejected=summary.rows_rejected,
            undeclared=dict(summary.undeclared),
            unproven=[asdict(one) for one in manifest.unproven],
            warnings=self._warnings,
        )
        for warning in self._warnings:
            log.warning("%s", warning)
        if self._undeclared:
            log.warning("%s: fields that entities.yaml does not declare: %s", self._entity, dict(self._undeclared))
        log.info(
            "%s: %s load committed as version %d: %d rows read in %d requests and %.1f s; the table has %d rows",
            self._entity, report.mode, report.version, report.rows, report.requests, report.seconds, report.row_count,
            extra={"is_result": True},
        )  # fmt: skip
        return report

    async def _read_everything(self, stage: PartStage, progress: RunProgress, mode: Mode) -> tuple[int, int]:
        """Stage all rows. Returns: the new watermark (unix seconds) and the source's count of rows."""
        self._rows = sum(file.rows for file in progress.taken)
        pages = self._reader.rest(progress.claims, self._rows) if progress.taken else self._reader.everything()
        await self._stage_pages(stage, self._checking_day(pages), f"{mode} read", progress)
        # Until now the limits went by the source's first count, which nothing had proven.
        unproven = sum(one.difference for one in self._miscounts.found)
        self._reader.total = min(self._reader.total, self._rows + len(self._rejects) + unproven)
        self._miscounts.add((), rows=self._table_rows())
        return progress.began, self._rows + len(self._rejects)

    async def _read_changes(self, base: Manifest, stage: PartStage) -> tuple[int, int]:
        """Stage the rows that changed, then what still differs from the source's counts: see `reconcile`."""
        self._expected_rows = base.row_count
        reading_live = asyncio.create_task(asyncio.to_thread(self._live.read, base))
        try:
            period, pages = await open_changes(self._reader, self._table, base, self._day)
            await self._stage_pages(stage, self._checking_day(pages), "changes")
            await reading_live
        finally:
            reading_live.cancel()
        doubts = await asyncio.to_thread(doubts_of, self._store, base)
        changed = self._read_ids()
        again = self._reader.rows_of([row_id for row_id in doubts.rejected if row_id not in changed])
        await self._stage_pages(stage, again, "rejected rows")
        since = period.since if period.until is None else None
        source_count = await self._repair(base, stage, changed, doubts.ranges, since)
        # From 0 on, every row was read.
        if since and (unknown := await self._read_late(base, stage, since)):
            source_count = await self._repair(base, stage, changed, [*doubts.ranges, *unknown], since)
        return watermark_of(period, base, int(self._reader.clock.timestamp())), source_count

    async def _repair(
        self, base: Manifest, stage: PartStage, changed: LiveIds, doubted: Sequence[Claim], since: int | None
    ) -> int:
        """Stage what differs from the source: see `reconcile`. Returns: how many rows the source has."""
        live, rejected = self._live.on(base), self._rejects.ids()
        comparison = Comparison(self._reader, live, changed, rejected=rejected, doubted=doubted, since=since)
        differences = await comparison.differences()
        self._miscounts.begin_phase()
        self._miscounts.add(differences.unproven, rows=self._table_rows())
        for gone in differences.gone:
            self._stage_rows(stage, _NO_ROWS, gone)
        pages = self._reader.ranges(differences.missing, rows=differences.missing_rows)
        missing = await self._stage_pages(stage, pages, "repair")
        self._repaired += differences.ranges
        self._gone += sum(int(claim.end) - claim.low for claim in differences.gone)
        if differences.ranges:
            log.info(
                "%s: the ids of %d of %d id ranges were read; rows gone: %d, read again: %d",
                self._entity, differences.ranges, differences.compared, self._gone, missing,
            )  # fmt: skip
        return differences.agreed + missing

    async def _read_late(self, base: Manifest, stage: PartStage, since: int) -> list[Claim]:
        """Stage the rows that changed before `since` and could be seen only after the last load: see `late`.

        Returns: the ids of rows that the table lacks still.
        """
        read = self._read_ids()
        unread = self._live.on(base).difference(read)
        rejected = self._rejects.times()
        late = LateUpdates(self._reader, unread, self._live.times, read=read, rejected=rejected, since=since)
        ids = await late.ids()
        await self._stage_pages(stage, self._reader.rows_of(ids), "late updates")
        self._late = len(ids)
        return [Claim(row_id, row_id + 1) for row_id in late.unknown]

    def _read_ids(self) -> LiveIds:
        """The ids of all rows that were read so far."""
        read = self._live.staged()
        read.add(self._rejects.ids())
        return read

    async def _checking_day(self, pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
        """The pages, once the source's clock (known with the first reply) says that the run's day can be read."""
        async for page in pages:
            check_readable(self._entity, self._day, self._reader.clock)
            yield page
        check_readable(self._entity, self._day, self._reader.clock)

    async def _stage_pages(
        self, stage: PartStage, pages: AsyncIterator[Page], what: str, progress: RunProgress | None = None
    ) -> int:
        """Stage pages. Returns: how many rows they had, the rejected ones included."""
        said, found = time.monotonic(), 0
        self._miscounts.begin_phase()
        async for page in pages:
            checked = page.checked
            found += len(checked)
            self._rejects.add(checked.rejects)
            if checked.rejects and self._rejects.too_many(self._table_rows()):
                await asyncio.to_thread(self._keep_rejects)
            if page.unproven:
                self._miscounts.add([page.unproven], rows=self._table_rows())
            if (checked.rejects or page.unproven) and progress and page.claim:
                progress.spoil(page.claim)
            self._undeclared += checked.undeclared
            self._stage_rows(stage, checked.rows, page.claim)
            await asyncio.sleep(0)  # requests that are due go out before the next page is compressed
            if time.monotonic() - said > PROGRESS_SECONDS:
                said = time.monotonic()
                of = f" of about {self._reader.total}" if self._reader.total else ""
                log.info("%s: %s: %d%s rows", self._entity, what, self._rows, of)
        return found

    def _stage_rows(self, stage: PartStage, rows: Rows, claim: Claim | None) -> None:
        stage.add(rows, claim)
        self._live.stage(rows.ids, claim)
        self._rows += len(rows.ids)

    def _table_rows(self) -> int:
        """About how many rows the table has, those that were rejected included."""
        return max(self._expected_rows, self._reader.total, self._rows + len(self._rejects))

    def _keep_rejects(self) -> None:
        self._rejects.keep(read=self._rows + len(self._rejects), rows=self._table_rows())

    def _mode(self, base: Manifest | None) -> Mode:
        if self._entity.kind is not Kind.INCREMENTAL:
            return Mode.SNAPSHOT
        return Mode.FULL if base is None or self._full_refresh else Mode.INCREMENTAL

    def _stage(self, scratch: Path, base: Manifest | None, progress: RunProgress) -> PartStage:
        return PartStage(
            self._store,
            self._run,
            scratch=scratch,
            part_bytes=self._part_bytes,
            taken=progress.taken,
            committed=base.files if base else (),
            on_stored=progress.note,
        )

    def _commit(
        self,
        base: Manifest | None,
        files: tuple[File, ...],
        mode: Mode,
        watermark: int,
        source_count: int,
        progress: RunProgress,
    ) -> Manifest:
        run = self._run

        def build(newest: Manifest | None) -> Draft:
            check_not_superseded(base, newest, began=self._began)
            if newest is not None and newest.origin not in {None, self._client.origin}:
                raise OtherOriginError(str(self._entity), place_of(self._store), newest.origin, self._client.origin)
            kept = () if newest is None else newest.files
            row_count = self._rows if mode is not Mode.INCREMENTAL else len(self._live.on(newest))
            others = newest is not None and (base is None or newest.version != base.version)
            if not others and not row_count <= source_count <= row_count + len(self._rejects):
                raise IncompleteError(str(self._entity), "the whole table", row_count, source_count)
            shrink_allowed = self._check_volume(newest, row_count)
            next_watermark, set_back = watermark_after(newest, watermark, is_base=not others)
            self._warnings += set_back
            return Draft(
                run_id=run.run_id,
                partition=run.partition,
                mode=mode,
                cursor=str(next_watermark),
                source_count=source_count,
                row_count=row_count,
                summary=self._summary(progress, set_back=bool(set_back)),
                unproven=self._miscounts.found,
                shrink_allowed=shrink_allowed,
                rejected_key=self._rejects.key,
                origin=self._client.origin,
                files=merge_files(kept, files, per_partition=self._entity.kind is Kind.TIME_SERIES),
            )

        return self._table.commit(build)

    def _summary(self, progress: RunProgress, *, set_back: bool) -> Summary:
        """Return the figures of this load, up to now."""
        stats = self._client.stats
        return Summary(
            rows_read=self._rows,
            rows_resumed=sum(file.rows for file in progress.taken),
            rows_rejected=len(self._rejects),
            rows_deleted=self._gone,
            rows_late=self._late,
            ranges_repaired=self._repaired,
            undeclared=dict(self._undeclared),
            requests=stats.requests - self._stats.requests,
            retries=stats.retries - self._stats.retries,
            bytes=stats.bytes - self._stats.bytes,
            seconds=round(time.monotonic() - self._started, 3),
            proof=Proof.UNPROVEN if self._miscounts.found else Proof.COUNTED,
            cursor_set_back=set_back,
        )

    def _check_volume(self, newest: Manifest | None, row_count: int) -> bool:
        """Hold a table that lost its rows. Returns: whether it did, and is to be committed all the same.

        Raises: HeldError; StoreError and ManifestError of the history.
        """
        commits = [] if newest is None else guard.recent(chain([newest], self._table.before(newest)))
        verdict = guard.judge(self._entity, row_count, commits, day=self._run.partition, rejected=len(self._rejects))
        if verdict.held and not self._allow.shrink:
            raise HeldError(str(self._entity), verdict.held)
        warning = f"{verdict.held} Committed, as allow_shrink is set." if verdict.held else verdict.warning
        self._warnings = [warning] if warning else []
        return verdict.held is not None

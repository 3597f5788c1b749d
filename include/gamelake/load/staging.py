"""The rows that one load has read: rows in parts, rejected rows, undeclared fields and unproven id ranges."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

from gamelake.load.live import LiveTable
from gamelake.load.miscounts import Miscounts
from gamelake.load.missing_fields import fields_of
from gamelake.load.rejects import Rejects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.parts import PartStage
    from gamelake.lake.rows import LiveIds
    from gamelake.lake.store import Store
    from gamelake.lake.update_times import UpdateTimes
    from gamelake.load.checkpoint import Checkpoint
    from gamelake.registry import Entity
    from gamelake.sources.base import Page, Reader

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0
"""Between two log lines of one load."""

NAMED_IDS = 5
"""The ids that a warning names."""


class Staging:
    """Stages the pages of one load; it is the `TableView` of a reconciliation.

    Args:
        parts: Where the rows go; open as long as pages are staged.
        store: Where the lake is.
        entity: What is loaded.
        run: The run that loads it.
        reader: For the number of rows that the source has.
        base: The commit that the changes are read on top of; None: all rows are read.
        checkpoint: Has the rows that are staged already; it gets the id ranges that the next try must read again.
        allow_unproven: Use any number of miscounted rows.
    """

    def __init__(
        self,
        parts: PartStage,
        store: Store,
        entity: Entity,
        run: LoadRun,
        reader: Reader,
        *,
        base: Manifest | None,
        checkpoint: Checkpoint,
        allow_unproven: bool,
    ) -> None:
        self.rows = checkpoint.resumed_rows
        """How many rows are staged, those of resumed parts included."""
        self.rejects = Rejects(store, entity, run)
        self.miscounts = Miscounts(entity, allowed=allow_unproven)
        self.undeclared: Counter[str] = Counter()
        self.filled: Counter[str] = Counter()
        """Of the rows that changed, those that have a value, by field."""
        self._parts = parts
        self._entity = entity
        self._reader = reader
        self._base = base
        self._checkpoint = checkpoint
        self._live = LiveTable(store, resumed=checkpoint.resumed_parts)
        self._expected_rows = base.row_count if base else 0
        self._most_rows: int | None = None

    async def stage_pages(self, pages: AsyncIterator[Page], phase: str) -> None:
        """Stage all pages of a phase, which read each row at most once.

        Args:
            pages: Of the reader.
            phase: For the log.

        Raises:
            ContractError: too many rows break the contract.
            UnprovenError: the source miscounts too many rows.
        """
        twice: list[int] = []
        logged = time.monotonic()
        self.miscounts.begin_phase()
        async for page in pages:
            await self._stage_page(page)
            twice += page.checked.twice
            await asyncio.sleep(0)  # requests that are due go out before the next page is compressed
            if time.monotonic() - logged > PROGRESS_SECONDS:
                logged = time.monotonic()
                of = f" of about {self._reader.total}" if self._reader.total else ""
                log.info("%s: %s: %d%s rows", self._entity, phase, self.rows, of)
        if twice:
            some = ", ".join(map(str, twice[:NAMED_IDS]))
            log.warning(
                "%s: %s: the source sent two rows of the same id in one page, %d times. Ids: %s%s",
                self._entity, phase, len(twice), some, ", ..." if len(twice) > NAMED_IDS else "",
            )  # fmt: skip

    async def _stage_page(self, page: Page) -> None:
        checked = page.checked
        self.rows += len(checked.rows.ids)
        self.rejects.add(checked.rejects)
        if checked.rejects and self.rejects.too_many(self.table_rows()):
            await asyncio.to_thread(self.keep_rejected)
        if page.unproven:
            self.miscounts.add(page.unproven, rows=self.table_rows())
        if (checked.rejects or page.unproven) and page.claim:
            self._checkpoint.exclude(page.claim)
        self.undeclared.update(checked.undeclared)
        if self._base:
            for line in checked.rows.lines.splitlines():
                self.filled.update(fields_of(line))
        self._parts.add(checked.rows, page.claim)
        self._live.stage(checked.rows.ids, page.claim)

    def check_whole(self) -> None:
        """Check the limits again once all rows of the source are staged: its first count was not proven then.

        Raises:
            UnprovenError: the source miscounts too many rows.
        """
        unproven = sum(one.difference for one in self.miscounts.found)
        self._most_rows = self.rows + len(self.rejects) + unproven
        self.miscounts.add((), rows=self.table_rows())

    def keep_rejected(self) -> None:
        """Store the rejected rows. Raises: ContractError, if they are too many; StoreError."""
        self.rejects.keep(read=self.rows + len(self.rejects), rows=self.table_rows())

    def table_rows(self) -> int:
        """About how many rows the table has, the rejected ones included."""
        total = self._reader.total if self._most_rows is None else min(self._reader.total, self._most_rows)
        return max(self._expected_rows, total, self.rows + len(self.rejects))

    def read_base(self) -> None:
        """Read the ids and update times of the commit below, once. Raises: LostPartError, StoreError."""
        self._live.read(self._base)

    @property
    def update_times(self) -> UpdateTimes:
        """When each row of the commit below changed."""
        return self._live.times

    def live_ids(self) -> LiveIds:
        """Return the ids of the table as it will be on top of the commit below. Raises: LostPartError, StoreError."""
        return self.ids_after(self._base)

    def ids_after(self, commit: Manifest | None) -> LiveIds:
        """Return the ids of the table as it will be on top of a commit. Raises: LostPartError, StoreError."""
        return self._live.ids_after(commit)

    def removed_from(self, commit: Manifest) -> int:
        """Return how many rows of a commit the table will lack, by their ids. Raises: LostPartError, StoreError."""
        return len(self._live.read(commit).difference(self.ids_after(commit)))

    def read_ids(self) -> LiveIds:
        """Return the ids of all rows that were read so far, the rejected ones included."""
        read = self._live.staged()
        read.add(self.rejects.ids())
        return read

    def rejected_ids(self) -> Iterable[int]:
        """Return the ids of the rejected rows, of those that have one."""
        return self.rejects.ids()

    def rejected_times(self) -> Iterable[int | None]:
        """When the rejected rows last changed (unix seconds), None for one without a time."""
        return self.rejects.times()

"""Validate rejected rows again, after a change of the contract, and commit those that pass.

A row is added only if its table (in a time series its day) has no row of that id: a later load may have committed a
newer one. A time series can be replayed for every day of which rejected rows are kept. Of other tables only rows that
the newest load rejected can be replayed, because the source may have changed older ones. Rows of a database cannot:
changes that were applied with a rejected row may have deleted it. A second replay adds nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gamelake.days import day_of, format_day, partition_bounds
from gamelake.kinds import Kind
from gamelake.lake.claims import merge_parts
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Manifest, Summary
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.rejected import rejected_days, rows_rejected_by
from gamelake.lake.rows import read_live_ids
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table
from gamelake.load.errors import NEW_SNAPSHOT, LoadError
from gamelake.load.next_commit import applied_below
from gamelake.load.scratch import scratch_folder
from gamelake.sources.contract import Reject, RowContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.manifest import Part
    from gamelake.lake.rejected import RejectedRow
    from gamelake.lake.store import Store
    from gamelake.registry import Entity


class ReplayError(LoadError):
    """Nothing was replayed, and why."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the rejected rows of one day.

    added: rows that the commit `version` brought; version None: no commit. present: rows that pass, of ids that the
    table has. refused: rows that break the contract still; reason: that of the first one.
    """

    entity: str
    day: str
    added: int = 0
    present: int = 0
    refused: int = 0
    version: int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        added = f"{self.added} added" if self.version is None else f"{self.added} added as version {self.version}"
        reason = f" (the first one: {self.reason})" if self.reason else ""
        return (
            f"{self.entity} {self.day}: {added}; {self.present} passed, but the table has a row of that id; "
            f"{self.refused} break the contract still{reason}"
        )


def replay(store: Store, entity: Entity, day: str | None = None) -> list[Replay]:
    """Check the rejected rows of an entity again, and commit those that pass.

    day: of a time series this day only; None: every day of which rows are kept.

    Raises: ReplayError; StoreError, ManifestError, PartError of the lake.
    """
    if entity.kind is Kind.CHANGES:
        raise ReplayError(
            f"{entity}: the rows of a database are not replayed, as a later change may have deleted a rejected row. "
            f"{NEW_SNAPSHOT}"
        )
    table = Table(store, entity.table)
    newest = table.latest()
    if newest is None:
        raise ReplayError(f"{entity}: nothing is committed yet; run a load first")
    if entity.kind is Kind.TIME_SERIES:
        loads = _loads(table, [day] if day else rejected_days(store, entity.table))
        if day and day not in loads:
            raise ReplayError(f"{entity}: found no commit of {day}, expected a day that was loaded")
        return [_replay_day(store, entity, of_day, load) for of_day, load in loads.items()]
    if day not in {None, newest.partition}:
        raise ReplayError(
            f"{entity}: found --day {day}, expected {newest.partition}, the day of the newest load: the source may "
            "have changed older rows since. Run a load with full_refresh instead"
        )
    return [_replay_day(store, entity, newest.partition, newest)]


def _loads(table: Table, days: Sequence[str]) -> dict[str, Manifest]:
    """Return the newest load of each day; without the days of which no load committed."""
    if not days:
        return {}
    loads: dict[str, Manifest] = {}
    # A day's load may run until the next one is due: a commit of the day before may be newer than one of a day.
    oldest = format_day(day_of(partition_bounds(min(days))[0]) - timedelta(days=1))
    for commit in table.history():
        if len(loads) == len(days) or commit.partition < oldest:
            break
        if commit.partition in days:
            loads.setdefault(commit.partition, commit)
    return dict(sorted(loads.items()))


def _replay_day(store: Store, entity: Entity, day: str, load: Manifest) -> Replay:
    """Replay what one load rejected."""
    if load.rejected_key is None:
        return Replay(str(entity), day)
    try:
        kept = rows_rejected_by(store, entity.table, load.rejected_key)
    except ObjectNotFoundError as error:
        raise ReplayError(
            f"{entity} {day}: {load.rejected_key} is not there: rejected rows are kept for 30 days"
        ) from error
    checked, refused = _check(RowContract(entity), kept)
    base = Table(store, entity.table).newest_load()
    live = read_live_ids(store, base, partition=_partition(entity, day))
    new = [(row_id, rows) for row_id, rows in checked.items() if row_id not in live]
    outcome = Replay(
        str(entity),
        day,
        added=len(new),
        present=len(checked) - len(new),
        refused=len(refused),
        reason=refused[0].reason if refused else None,
    )
    if not new or base is None:
        return outcome
    commit = _commit(store, entity, day, base, [rows for _, rows in sorted(new)])
    return replace(outcome, version=commit.version)


def _check(contract: RowContract, kept: Sequence[RejectedRow]) -> tuple[dict[int, Rows], list[Reject]]:
    """Return the rows that pass, by id, each as it would be staged; of an id that came twice the last one."""
    passed: dict[int, Rows] = {}
    refused: list[Reject] = []
    for one in kept:
        if one.row_id is None:  # an id that the row shows is not its own
            refused.append(Reject(one.row, one.reason))
            continue
        checked = contract.check([one.row])
        refused += checked.rejects
        if checked.rows.ids:
            passed[checked.rows.ids[0]] = checked.rows
    return passed, refused


def _commit(store: Store, entity: Entity, day: str, base: Manifest, rows: Sequence[Rows]) -> Manifest:
    """Put the rows into a part of their own, and commit it on top of the newest load.

    Events that were applied since are applied again on top of it: marts read this commit as a load.
    """
    began = time.monotonic()
    run, table = LoadRun(entity.table, day, f"replay__{day}_{base.version}"), Table(store, entity.table)
    with scratch_folder() as scratch, PartStage(store, run, scratch=scratch, committed=base.files) as stage:
        for one in rows:
            stage.add(one, None)
        files = stage.finish()

    def build(newest: Manifest | None) -> Draft:
        load = None if newest is None else table.load_of(newest)
        if load is None or _files(entity, day, load) != _files(entity, day, base):
            raise ReplayError(
                f"{entity} {day}: another load committed while the rows were checked. Nothing was added; "
                "run the replay again"
            )
        shows = _partition(entity, day) in {None, load.partition}
        return Draft(
            run_id=run.run_id,
            partition=load.partition,
            mode=load.mode,
            events=applied_below(load, newest),
            cursor=load.cursor,
            source_count=load.source_count,
            row_count=load.row_count + (len(rows) if shows else 0),
            summary=Summary(
                rows_read=len(rows),
                proof=load.summary.proof,
                proof_reason=load.summary.proof_reason,
                seconds=time.monotonic() - began,
            ),
            unproven=load.unproven,
            shrink_allowed=load.shrink_allowed,
            rejected_key=load.rejected_key,
            origin=load.origin,
            files=merge_parts(load.files, files, per_partition=entity.kind is Kind.TIME_SERIES),
        )

    return table.commit(build)


def _partition(entity: Entity, day: str) -> str | None:
    """Return the partition in which an id occurs once: the day of a time series, None for the whole table."""
    return day if entity.kind is Kind.TIME_SERIES else None


def _files(entity: Entity, day: str, commit: Manifest) -> list[Part]:
    within = _partition(entity, day)
    return [file for file in commit.files if within in {None, file.partition}]

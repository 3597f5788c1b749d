"""Volume guard: compare the rows of the next commit with those of recent commits. It reads no store.

A source that lost rows counts fewer rows too, so only the history of the table shows the loss. A load that would remove
more than a set share of the table is held: nothing is committed, and readers keep the rows that they have. So is one
that would replace most of the table: rows with other ids are other rows. A load that adds half or more, or any rows to
an empty table, is committed with a warning: each row has an id of its own. After a load that was partial there is no
such warning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median_low
from typing import TYPE_CHECKING

from gamelake.kinds import Kind
from gamelake.lake.manifest import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.manifest import Manifest
    from gamelake.registry import Entity

DAYS = 7
"""The days whose commits a load is compared with: so a table that shrinks night after night is held too."""

GROWTH = 0.5
"""The share of its rows by which a table grows before a load warns."""
_GROWTH_ROWS = 100  # and the least rows: small tables grow by half as a matter of course

REPLACED = 0.5
"""The share of its rows that one load may remove where it adds others: a source renews some of them every night."""


@dataclass(frozen=True, slots=True)
class Loss:
    """More rows than one load may remove.

    rows: of the next commit. rejected: rows that the source sent and the contract refused. before: the rows of the
    table, or of a usual day of a time series. allowed: the most rows that one load may remove, by max_shrink. replaced:
    rows of the newest commit that are not among them, by their ids, if these are the loss.
    """

    table: str
    rows: int
    rejected: int
    before: int
    allowed: int
    max_shrink: float
    is_series: bool
    replaced: int = 0

    def __str__(self) -> str:
        which = "a usual day had" if self.is_series else "the table had"
        refused = f" ({self.rejected:,} more break the contract)" if self.rejected else ""
        if self.replaced:
            return (
                f"{self.table}: {_shown(self.rows)}{refused}, but {self.replaced:,} of the table's {self.before:,} "
                f"rows are not among them, by their ids. One load may replace {REPLACED:.0%} of a table."
            )
        return (
            f"{self.table}: {_shown(self.rows)}{refused}; {which} {self.before:,} in the last {DAYS} days. "
            f"One load may remove {self.allowed:,} of them (max_shrink {self.max_shrink:.3g})."
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """held: the loss that must not be committed, or None. warning: what a person should check, or None."""

    held: Loss | None = None
    warning: str | None = None


def recent(commits: Iterable[Manifest]) -> list[Manifest]:
    """Of commits, newest first, those of the last days."""
    found: list[Manifest] = []
    days: set[str] = set()
    for commit in commits:
        days.add(commit.partition)
        if len(days) > DAYS:
            break
        found.append(commit)
    return found


def judge(
    entity: Entity, rows: int, commits: Sequence[Manifest], *, partition: str, rejected: int = 0, removed: int = 0
) -> Verdict:
    """Compare the rows of the next commit, of a partition, with those of the recent commits.

    rows: of a time series, those of the day. rejected: rows that the source sent and the contract refused. removed:
    rows of the newest commit that the next one lacks, by their ids; 0 for a time series, whose days have rows of their
    own.
    """
    if not commits:
        return Verdict(warning=None if rows else f"{entity}: {_shown(rows)}; the table begins empty")
    series = entity.kind is Kind.TIME_SERIES
    before = _usual_rows(commits, partition) if series else _most_rows(commits)
    allowed = entity.limits.lost_rows(before)
    loss = Loss(str(entity), rows, rejected, before, allowed, entity.limits.max_shrink, series)
    if before - rows > allowed:
        return Verdict(held=loss)
    if removed > REPLACED * before:
        return Verdict(held=replace(loss, replaced=removed))
    if commits[0].summary.proof is Proof.PARTIAL:
        return Verdict()  # the load before left rows for this one: to grow is what it is for
    if (rows and not before) or rows - before >= max(GROWTH * before, _GROWTH_ROWS):
        grew = "the table grew by half or more" if before else "the table had none"
        return Verdict(
            warning=f"{entity}: {rows:,} rows, after {before:,}: {grew}. Committed; check that the source has so many."
        )
    return Verdict()


def _most_rows(commits: Sequence[Manifest]) -> int:
    """Return the most rows that a table has had since the last allowed shrink."""
    most = 0
    for commit in commits:
        most = max(most, commit.row_count)
        if commit.shrink_allowed:
            break
    return most


def _usual_rows(commits: Sequence[Manifest], partition: str) -> int:
    """Return the median of a time series' days that have rows, of each its newest commit.

    An allowed shrink counts for its own day only: the next day must have the usual rows. If most of the days with rows
    were allowed shrinks, the median of all days counts.
    """
    rows: dict[str, int] = {}
    allowed: set[str] = set()
    for commit in commits:
        rows.setdefault(commit.partition, commit.row_count)
        if commit.shrink_allowed:
            allowed.add(commit.partition)
    if partition in allowed:
        return rows[partition]
    every = [count for count in rows.values() if count]
    ordinary = [count for of_day, count in rows.items() if count and of_day not in allowed]
    return median_low(ordinary if 2 * len(ordinary) >= len(every) else every) if every else 0


def _shown(rows: int) -> str:
    """Describe the rows of the source."""
    return f"the source shows {rows:,} good rows" if rows else "the source shows no rows"

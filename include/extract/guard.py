"""The volume guard: whether a table that a load is about to commit has plausibly many rows. Pure: it reads no store.

A source that has lost its rows loses its count of them too, so that no proof of a reply shows it. Only the table's own
history does. A load that would remove more than a set share of the table is held: nothing is committed, and readers
keep what they have. A load that adds half or more is committed with a warning: every row has an id of its own, so that
rows that are there are the source's.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING

from include.registry import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from include.lake.manifest import Manifest
    from include.registry import Entity

DAYS = 7
"""The days whose commits a load is compared with: a table that declines night after night is held too."""

GROWTH = 0.5
"""The share of its rows by which a table grows before a load warns."""
_GROWTH_ROWS = 100  # and the least rows: small tables grow by half as a matter of course


@dataclass(frozen=True, slots=True)
class Verdict:
    """held: why the rows must not be committed, None if they may be. warning: what a person should look at, or None."""

    held: str | None = None
    warning: str | None = None


def recent(commits: Iterable[Manifest]) -> list[Manifest]:
    """Of commits, newest first, those that a load is compared with: of the last days, since the last allowed shrink."""
    found: list[Manifest] = []
    days: set[str] = set()
    for commit in commits:
        days.add(commit.partition)
        if len(days) > DAYS:
            break
        found.append(commit)
        if commit.shrink_allowed:
            break
    return found


def judge(entity: Entity, rows: int, commits: Sequence[Manifest], *, rejected: int = 0) -> Verdict:
    """Compare the rows of the next commit with those of the recent commits.

    rows: of a time series, those of the day. rejected: rows that the source sent and the contract refused.
    """
    if not commits:
        return Verdict(warning=None if rows else f"{entity.name}: {_shown(entity, rows)}; the table begins empty")
    before = _usual_rows(entity, commits)
    allowed = entity.limits.lost_rows(before)
    if before - rows > allowed:
        which = "a usual day had" if entity.kind is Kind.TIME_SERIES else "the table had"
        refused = f" ({rejected:,} more break the contract)" if rejected else ""
        return Verdict(
            held=f"{entity.name}: {_shown(entity, rows)}{refused}; {which} {before:,} in the last {DAYS} days. "
            f"One load may remove {allowed:,} of them (max_shrink {entity.limits.max_shrink:.3g})."
        )
    if before and rows - before >= max(GROWTH * before, _GROWTH_ROWS):
        return Verdict(
            warning=f"{entity.name}: {rows:,} rows, after {before:,}: the table grew by half or more. "
            "Committed; check that the source has so many."
        )
    return Verdict()


def _usual_rows(entity: Entity, commits: Sequence[Manifest]) -> int:
    """Of a table the most rows that it had; of a time series the median of its days, of each its newest commit."""
    if entity.kind is not Kind.TIME_SERIES:
        return max(commit.row_count for commit in commits)
    by_day: dict[str, int] = {}
    for commit in commits:
        by_day.setdefault(commit.partition, commit.row_count)
    return median_low(by_day.values())


def _shown(entity: Entity, rows: int) -> str:
    """What the source shows, in words."""
    if rows:
        return f"IGDB shows {rows:,} good rows at /{entity.endpoint}"
    if entity.kind is Kind.TIME_SERIES:  # IGDB calls the values of a time series its primitives
        return f"IGDB shows no {entity.endpoint.replace('_primitives', ' values').replace('_', ' ')}"
    return f"IGDB shows no rows at /{entity.endpoint}"

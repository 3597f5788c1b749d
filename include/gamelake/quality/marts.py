"""Checks of the published marts, by their profiles: volume, nulls, duplicates, references, and values of lookups."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gamelake.marts.findings import Observation, Severity
from gamelake.quality.tables import unusual_rows
from gamelake.quality.usual import LEAST_DAYS, RECENT_DAYS, highest_share, range_of_rows
from gamelake.quality.wording import text
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.quality.evidence import Evidence
    from gamelake.quality.profile import ColumnProfile, MartProfile

_LEAST_ROWS = 3
"""A value of a lookup that fewer rows have may come and vanish without a finding, unless each is a row of its own."""
_DAYS_TO_GROW = 7
"""Days in which a new value may become so frequent."""
_NAMED = 5


def volume(evidence: Evidence) -> Iterator[Observation]:
    """Find marts with unusually many or few rows."""
    for mart, days in evidence.of_mart():
        assert evidence.generation is not None  # noqa: S101 - of it is the profile
        change = evidence.watched(mart.name).thresholds.max_rows_change
        usual = range_of_rows([(day, each.rows) for day, each in days], evidence.generation.day, share=change)
        if usual and not usual.low <= mart.rows <= usual.high:
            yield unusual_rows(mart.name, mart.rows, usual, text("volume.of_mart"))


def nulls(evidence: Evidence) -> Iterator[Observation]:
    """Find columns with more nulls than usual."""
    for mart, column, before in evidence.of_column():
        history = [(each.nulls, of.rows) for of, each in before]
        found = highest_share(history, mart.rows, change=evidence.watched(mart.name).thresholds.max_null_change)
        if found and (share := column.nulls / mart.rows) > found[1]:
            yield _share("nulls", f"{mart.name}.{column.name}", share, *found)


def duplicates(evidence: Evidence) -> Iterator[Observation]:
    """Find columns whose values are repeated more than usual."""
    for mart, column, before in evidence.of_column():
        if column.distinct is None:
            continue
        known = mart.rows - column.nulls
        history = [(of.rows - each.nulls - (each.distinct or 0), of.rows - each.nulls) for of, each in before]
        found = highest_share(history, known, change=evidence.watched(mart.name).thresholds.max_duplicate_change)
        if found and (share := (known - column.distinct) / known) > found[1]:
            yield _share("duplicates", f"{mart.name}.{column.name}", share, *found)


def _share(check: str, subject: str, share: float, usual: float, highest: float) -> Observation:
    return Observation(
        check=check,
        severity=Severity.P2,
        subject=subject,
        value=round(share, 4),
        expected=f"a share of at most {highest:.3g}",
        **text(f"{check}.share", subject=subject, share=share, usual=usual, highest=highest).fields("message"),
    )


def references(evidence: Evidence) -> Iterator[Observation]:
    """Find rows that name a row of another mart which is not there."""
    for mart, _ in evidence.of_mart():
        watched = evidence.watched(mart.name)
        for column, orphans in mart.orphans.items():
            allowed = int(watched.thresholds.max_orphans * mart.rows)
            if orphans > allowed:
                parent = watched.references[column][0] if column in watched.references else "its mart"
                yield Observation(
                    check="references",
                    severity=Severity.P1,
                    subject=f"{mart.name}.{column}",
                    value=orphans,
                    expected=f"at most {allowed:,} rows",
                    **text(
                        "references.orphans",
                        orphans=orphans,
                        rows=mart.rows,
                        mart=mart.name,
                        column=column,
                        parent=parent,
                    ).fields("message"),
                )


def new_values(evidence: Evidence) -> Iterator[Observation]:
    """Find values that a lookup never had, on the day that they become frequent."""
    for mart, column, before in evidence.of_column():
        known = [(of, each) for of, each in before if each.values is not None]
        if column.values is None or len(known) < LEAST_DAYS:
            continue
        days = known[: max(LEAST_DAYS, len(known) - _DAYS_TO_GROW)]
        earlier = {value for _, each in days for value in each.values or ()}
        often = _frequent(mart, column) - _frequent(*known[-1])
        if new := sorted(often - earlier):
            yield _values("new_values", f"{mart.name}.{column.name}", new, "no new value")


def vanished_values(evidence: Evidence) -> Iterator[Observation]:
    """Find values that a lookup usually had, and has no longer."""
    for mart, column, before in evidence.of_column():
        known = [(of, each) for of, each in before if each.values is not None][-RECENT_DAYS:]
        if column.values is None or len(known) < LEAST_DAYS:
            continue
        counts = Counter(value for of, each in known for value in _frequent(of, each))
        usual = {value for value, days in counts.items() if 2 * days > len(known)}
        if lost := sorted(usual - set(column.values)):
            yield _values("vanished_values", f"{mart.name}.{column.name}", lost, "every usual value")


def _frequent(mart: MartProfile, column: ColumnProfile) -> set[str]:
    """Return the values that do not vanish without a finding: all, if each is a row of its own, as popularity types."""
    least = 1 if column.distinct == mart.rows - column.nulls else _LEAST_ROWS
    return {value for value, rows in (column.values or {}).items() if rows >= least}


def _values(check: str, subject: str, values: list[str], expected: str) -> Observation:
    listed = ", ".join(repr(value) for value in values[:_NAMED])
    named = Words(listed, listed)
    if len(values) > _NAMED:
        named += text("more.values", count=len(values) - _NAMED)
    return Observation(
        check=check,
        severity=Severity.P2,
        subject=subject,
        value=len(values),
        expected=expected,
        **text(f"{check}.values", subject=subject, values=named).fields("message"),
    )

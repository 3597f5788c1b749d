"""Checks of the tables, by the figures of their commits: freshness, volume, a source that stands still; silence."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING

from gamelake.days import parse_day
from gamelake.marts.findings import Observation, Severity
from gamelake.marts.freshness import ERROR_AFTER_HOURS, WARN_AFTER_HOURS, limits
from gamelake.quality.usual import range_of_rows, streak
from gamelake.quality.wording import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.quality.evidence import Evidence
    from gamelake.quality.usual import Range
    from gamelake.words import Words

FIRST_HOURS = WARN_AFTER_HOURS - 24
"""Hours that the first loads of a new lake have, as those of any night."""
SILENT_HOURS = 1
"""Hours without a sign of a capture, from which it is told; it gives one every `capture_sign.EVERY`."""
MARTS = "marts"
"""The subject of a finding about all marts."""


def freshness(evidence: Evidence) -> Iterator[Observation]:
    """Find loads, and marts, that are older than they should be."""
    for entity in evidence.entities:
        load = evidence.loads.get(str(entity))
        if load is None:
            if str(entity) not in evidence.damaged and entity.gates_transform and _has_begun(evidence):
                yield Observation(
                    check="freshness",
                    severity=Severity.P1,
                    subject=str(entity),
                    value=None,
                    expected="a load",
                    **text("freshness.never", table=entity, dag=entity.dag_id).fields("message"),
                )
            continue
        late, stale = limits(entity)
        severity = Severity.P1 if entity.gates_transform else Severity.P2
        hours = _hours(load.committed_at, evidence.now)
        values = {"day": load.figures.partition, "dag": entity.dag_id, "late": late, "hours": hours}
        words = text("freshness.table", table=entity, **values)
        yield from _aged(str(entity), hours, words, late=late, stale=stale, severity=severity)
    if evidence.generation:
        hours, late = _hours(evidence.generation.built_at, evidence.now), WARN_AFTER_HOURS
        words = text("freshness.marts", day=evidence.generation.day, hours=hours, late=late)
        yield from _aged(MARTS, hours, words, late=late, stale=ERROR_AFTER_HOURS, severity=Severity.P1)


def left_out(evidence: Evidence) -> Iterator[Observation]:
    """Find tables of optional sources that the marts are without, because they are broken."""
    for table, reason in (evidence.generation.tables_left_out if evidence.generation else {}).items():
        yield Observation(
            check="left_out",
            severity=Severity.P1,
            subject=table,
            value=None,
            expected="a table without damage",
            **text("left_out.table", table=table, reason=reason).fields("message"),
        )


def damage(evidence: Evidence) -> Iterator[Observation]:
    """Find tables whose newest load cannot be read, and which are therefore not checked."""
    for table, reason in evidence.damaged.items():
        if evidence.generation and table in evidence.generation.tables_left_out:
            continue  # `left_out` finds it
        yield Observation(
            check="damage",
            severity=Severity.P1,
            subject=table,
            value=None,
            expected="a table without damage",
            **text("damage.table", table=table, reason=reason).fields("message"),
        )


def silence(evidence: Evidence) -> Iterator[Observation]:
    """Find captures that no longer read their database. A quiet database is none: the capture gives signs then too."""
    for source, sign in evidence.signs.items():
        hours = _hours(sign.at, evidence.now)
        if hours > SILENT_HOURS:
            words = text("silence.capture", source=source, hours=hours, at=f"{sign.at:%Y-%m-%d %H:%M}", slot=sign.slot)
            yield Observation(
                check="silence",
                severity=Severity.P1,
                subject=source,
                value=round(hours, 1),
                expected=f"at most {SILENT_HOURS} hours",
                **words.fields("message"),
            )


def _has_begun(evidence: Evidence) -> bool:
    """Return whether a table without a load is late: in a new lake, the first loads may still run."""
    if evidence.generation:
        return True
    return any(_hours(load.committed_at, evidence.now) > FIRST_HOURS for load in evidence.loads.values())


def _hours(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds() / 3600


def _aged(
    subject: str, hours: float, words: Words, *, late: int, stale: int, severity: Severity
) -> Iterator[Observation]:
    if hours <= late:
        return
    if hours > stale and severity is Severity.P1:
        severity = Severity.P0
    yield Observation(
        check="freshness",
        severity=severity,
        subject=subject,
        value=round(hours, 1),
        expected=f"at most {late} hours",
        **words.fields("message"),
    )


def volume(evidence: Evidence) -> Iterator[Observation]:
    """Find tables with unusually many or few rows."""
    for entity in evidence.entities:
        if load := evidence.loads.get(str(entity)):
            day = parse_day(load.figures.partition[:10])
            # Builds of two days may show two commits of one day, as of a table that was loaded again: the later counts.
            before = {parse_day(each.partition[:10]): each.rows for each in evidence.of_table(str(entity))}
            history = [(each, rows) for each, rows in sorted(before.items()) if each < day]
            usual = range_of_rows(history, day, share=entity.quality.max_rows_change)
            if usual and not usual.low <= load.figures.rows <= usual.high:
                yield unusual_rows(str(entity), load.figures.rows, usual, text("volume.of_table", day=day))


def unusual_rows(subject: str, rows: int, usual: Range, what_to_do: Words) -> Observation:
    """Return the finding about unusually many or few rows."""
    kind = "more" if rows > usual.high else "fewer"
    words = text(f"volume.{kind}", subject=subject, rows=rows, usual=usual.expected)
    return Observation(
        check="volume",
        severity=Severity.P1,
        subject=subject,
        value=rows,
        expected=f"{max(0, ceil(usual.low)):,} to {floor(usual.high):,} rows",
        **(words + what_to_do).fields("message"),
    )


def standstill(evidence: Evidence) -> Iterator[Observation]:
    """Find tables that changed with nearly every load and no longer change."""
    for entity in evidence.entities:
        load = evidence.loads.get(str(entity))
        if load is None:
            continue
        loads = [each for each in evidence.of_table(str(entity)) if each.version < load.figures.version]
        found = streak([(each.rows, each.newest) for each in (*loads, load.figures)])
        if found and found.still >= entity.quality.still_days:
            yield Observation(
                check="standstill",
                severity=Severity.P1,
                subject=str(entity),
                value=found.still,
                expected=f"a change in {entity.quality.still_days} loads",
                **text("standstill.table", subject=entity, still=found.still, moved=found.moved).fields("message"),
            )

"""Service levels: which nights were good, what is left of the error budgets, and how fast they are spent.

    levels = refresh(store, load_entities(), now=datetime.now(UTC))

Every figure comes from commits and publications of the lake, so that a level that is declared today has its history at
once. A night that left nothing in the lake is a bad one. The day of the first load that a schedule started, and those
before it, are no nights: a person who runs days by hand has no deadline.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from gamelake.days import KST, day_of, format_day, parse_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.scratch import scratch_folder
from gamelake.marts import levels as documents
from gamelake.marts.documents import Action, encode
from gamelake.marts.findings import Observation, Severity
from gamelake.marts.levels import LevelStatus, ServiceLevel, ServiceLevels
from gamelake.nights.loads import is_expected
from gamelake.nights.records import MOST_PUBLICATIONS, RecordReader, first_deadline
from gamelake.quality.objectives import Indicator, load_objectives
from gamelake.quality.wording import text
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput
    from gamelake.marts.documents import Publication
    from gamelake.nights.records import Records
    from gamelake.quality.objectives import Objective
    from gamelake.registry import Entity

CHECK = "service_level"
_DISK = "The service levels are made there, some MB: free space, or set TMPDIR to another folder"
_NAMED = 3
"""Tables that a reason names."""
BURN_WINDOWS = (1, 7, 30)
"""Nights. A budget burns if the last 30 and the last 7 both spend more than their part of it."""

_COLUMNS = {
    "level": "varchar",
    "title": "varchar",
    "owner": "varchar",
    "day": "date",
    "is_good": "boolean",
    "reason": "varchar",
    "status": "varchar",
    "target": "double",
    "window_nights": "integer",
    "nights": "integer",
    "bad_nights": "integer",
    "attained": "double",
    "budget_left": "double",
    **{f"burn_rate_{each}": "double" for each in BURN_WINDOWS},
}
"""The columns of the mart: one row a night of a level."""


@dataclass(frozen=True, slots=True)
class JudgedNight:
    """A night, and why it was bad; None if it was good."""

    day: date
    reason: Words | None


def compute(store: Store, entities: Iterable[Entity], *, now: datetime) -> ServiceLevels:
    """Compute the service levels as `refresh` does, and write nothing: the lake may be read-only.

    Raises:
        ObjectiveError: slo.yaml is wrong.
        StoreError: The lake cannot be read.
    """
    objectives = load_objectives()
    return _levels(objectives, _nights(store, objectives, entities, now), now)


def refresh(store: Store, entities: Iterable[Entity], *, now: datetime) -> ServiceLevels:
    """Compute the service levels, and write their document and their mart where they changed.

    Args:
        store: The lake.
        entities: The entities of the registry.
        now: The moment.

    Raises:
        ObjectiveError: slo.yaml is wrong.
        StoreError: The lake cannot be read or written.
    """
    objectives = load_objectives()
    nights = _nights(store, objectives, entities, now)
    found = _levels(objectives, nights, now)
    try:
        before = documents.current(store)
    except DocumentError:
        before = None
    if before is None or before.levels != found.levels:
        _write_mart(store, objectives, nights)
    store.put(documents.CURRENT, encode(found))
    return found


def _nights(
    store: Store, objectives: Mapping[str, Objective], entities: Iterable[Entity], now: datetime
) -> dict[str, list[JudgedNight]]:
    required = [each for each in entities if each.gates_transform]
    records = RecordReader(store, required).read(1)
    return {name: list(judged(each, records, required, now)) for name, each in objectives.items()}


def _levels(
    objectives: Mapping[str, Objective], nights: Mapping[str, list[JudgedNight]], now: datetime
) -> ServiceLevels:
    levels = tuple(level_of(name, objectives[name], each) for name, each in nights.items())
    return ServiceLevels(checked_at=now, levels=levels)


def still(store: Store, *, now: datetime) -> ServiceLevels | None:
    """Return the levels as they were computed, if no night is judged since; it needs a lake that did not change.

    Raises:
        ObjectiveError: slo.yaml is wrong.
        StoreError: The lake cannot be read or written.
    """
    objectives = load_objectives()
    try:
        before = documents.current(store)
    except DocumentError:
        return None
    if before is None or [each.name for each in before.levels] != list(objectives):
        return None
    at = before.checked_at
    for each in objectives.values():
        deadlines = (each.deadline(day_of(at) + timedelta(days=days)) for days in (0, 1))
        if next(deadline for deadline in deadlines if deadline > at) <= now:
            return None
    found = ServiceLevels(checked_at=now, levels=before.levels)
    store.put(documents.CURRENT, encode(found))
    return found


def observations(levels: ServiceLevels) -> Iterator[Observation]:
    """Yield what a person should know of the levels: budgets that burn, are spent, or were not enough.

    All of it is for the daily brief: each bad night has a fault, of which a person was told that night.
    """
    for level in levels.levels:
        if level.status is LevelStatus.MET:
            continue
        yield Observation(
            check=CHECK,
            severity=Severity.P2,
            subject=level.name,
            value=level.attained,
            expected=f"{level.target:.1%} of {level.window} nights",
            **_words(level).fields("message"),
        )


def _words(level: ServiceLevel) -> Words:
    is_known = level.name in text.all["promise"]
    title = Words(level.title, text(f"promise.{level.name}").ko if is_known else level.title)
    reason = Words(level.reason or "", level.reason_ko or "")
    nights = text(f"{CHECK}.nights", bad=level.bad, count=level.nights, day=level.last_bad, reason=reason)
    return text(f"{CHECK}.{level.status}", title=title, nights=nights, runbook=level.runbook)


def judged(objective: Objective, records: Records, entities: Iterable[Entity], now: datetime) -> Iterator[JudgedNight]:
    """Yield the nights of the window that can be judged, the oldest first.

    A night that is not good yet and not late yet is left out. A lake in which no schedule runs has no nights.

    Args:
        objective: What makes a night good.
        records: Commits and publications of the lake.
        entities: The entities whose tables the marts wait for.
        now: The moment.
    """
    tables = [records.tables[str(each)] for each in entities]
    first = first_deadline(tables)
    if first is None:
        return
    newest = max(each.partition[:10] for table in tables for each in table.commits.values())
    last = max(day_of(now), parse_day(newest))
    if len(records.publications) >= MOST_PUBLICATIONS:  # of earlier nights not all publications were read
        first = max(first, day_of(records.publications[-1].at) + timedelta(days=1))
    day = max(first, last - timedelta(days=objective.window))
    while day <= last:
        expected = [each for each in entities if is_expected(each, records.tables[str(each)], day, last)]
        reason = _reason(objective, records, day, expected)
        if reason is None or now >= objective.deadline(day):
            yield JudgedNight(day, reason)
        day += timedelta(days=1)


def _reason(objective: Objective, records: Records, day: date, expected: Sequence[Entity]) -> Words | None:
    """Return why a night was bad, None if it was good."""
    match objective.indicator:
        case Indicator.PUBLISHED:
            return _why_unpublished(records.publications, day, objective.deadline(day))
        case Indicator.FRESH:
            return _why_old(records.publications, day, objective.deadline(day))
        case Indicator.COMPLETE | Indicator.PROVEN:
            is_proven = objective.indicator is Indicator.PROVEN
            return _why_incomplete(records, day, expected, objective.deadline(day), is_proven=is_proven)


def _why_unpublished(publications: Iterable[Publication], day: date, deadline: datetime) -> Words | None:
    times = [each.at for each in publications if each.day == day and each.action is Action.PUBLISH]
    if not times:
        return text("bad_night.unpublished")
    at = min(times)
    return None if at <= deadline else text("bad_night.late", time=f"{at.astimezone(KST):%Y-%m-%d %H:%M}")


def _why_old(publications: Iterable[Publication], day: date, deadline: datetime) -> Words | None:
    moves = [each for each in publications if each.at <= deadline]
    if not moves:
        return text("bad_night.no_marts")
    shown = max(moves, key=attrgetter("number"))
    return None if shown.day >= day - timedelta(days=1) else text("bad_night.old", day=shown.day)


def _why_incomplete(
    records: Records, day: date, expected: Iterable[Entity], deadline: datetime, *, is_proven: bool
) -> Words | None:
    missing, wrong = [], []
    for entity in expected:
        commits = sorted(records.tables[str(entity)].commits.items())
        own = [each for _, each in commits if each.partition[:10] == format_day(day) and each.committed_at <= deadline]
        if not own:
            missing.append(entity.name)
        elif not _is_proven(own[-1]):
            wrong.append(entity.name)
    if missing:
        return text("bad_night.no_load", tables=_listed(missing))
    return text("bad_night.unproven", tables=_listed(wrong)) if is_proven and wrong else None


def _listed(names: Sequence[str]) -> Words:
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return Words(shown, shown) + text("more.values", count=more) if more > 0 else Words(shown, shown)


def _is_proven(commit: CommitInput) -> bool:
    return commit.source_count is None or commit.source_count == commit.row_count + commit.rows_rejected


def level_of(name: str, objective: Objective, nights: Sequence[JudgedNight]) -> ServiceLevel:
    """Return how a level stands after its newest night.

    Args:
        name: Its name.
        objective: What it promises.
        nights: The judged nights, the oldest first.
    """
    counted = nights[-objective.window :]
    bad = [each for each in counted if each.reason]
    newest = bad[-1].reason if bad else None
    burn_rates = {str(each): rate for each in BURN_WINDOWS if (rate := burn_rate(objective, nights, each)) is not None}
    left = 1 - len(bad) / objective.allowed if objective.allowed else 1.0 - len(bad)
    return ServiceLevel(
        name=name,
        title=objective.title,
        owner=objective.owner,
        runbook=objective.runbook,
        status=_status(left, burn_rates, is_bad=bool(bad)),
        target=objective.target,
        window=objective.window,
        nights=len(counted),
        bad=len(bad),
        allowed=objective.allowed,
        attained=1 - len(bad) / len(counted) if counted else None,
        budget_left=left,
        burn_rates=burn_rates,
        last_bad=bad[-1].day if bad else None,
        **(newest.fields("reason") if newest else {}),
    )


def burn_rate(objective: Objective, nights: Sequence[JudgedNight], last: int) -> float | None:
    """Return how fast the last nights spent the budget: 1 spends it in exactly one window. None: there is no budget."""
    if not objective.allowed:
        return None
    bad = sum(each.reason is not None for each in nights[-last:])
    # By the window and not by the nights so far: one bad night of a new lake is no outage.
    return bad / last / (1 - objective.target)


def _status(left: float, burn_rates: Mapping[str, float], *, is_bad: bool) -> LevelStatus:
    if left < 0 or (is_bad and not burn_rates):
        return LevelStatus.MISSED
    if left <= 0:
        return LevelStatus.SPENT
    if burn_rates and burn_rates["7"] > 1 and burn_rates["30"] > 1:
        return LevelStatus.BURNING
    return LevelStatus.MET


def _write_mart(store: Store, objectives: Mapping[str, Objective], nights: Mapping[str, Sequence[JudgedNight]]) -> None:
    """Write a row for each night of each level, with the figures as they were after that night. Raises: StoreError."""
    import duckdb

    rows = []
    for name, judged_nights in nights.items():
        for index, night in enumerate(judged_nights):
            level = level_of(name, objectives[name], judged_nights[: index + 1])
            rates = [level.burn_rates.get(str(each)) for each in BURN_WINDOWS]
            values = (
                name, level.title, level.owner, night.day, night.reason is None, night.reason and night.reason.en,
                level.status, level.target, level.window, level.nights, level.bad, level.attained,
                level.budget_left, *rates,
            )  # fmt: skip
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
    with scratch_folder(_DISK, done="nothing was written") as folder, duckdb.connect() as database:
        lines = folder / "mart.jsonl"
        lines.write_bytes(msgspec.json.Encoder().encode_lines(rows))
        mart = database.read_json(str(lines), columns=_COLUMNS, format="newline_delimited", hive_partitioning=False)
        written = folder / "mart.parquet"
        mart.order("level, day").write_parquet(str(written), compression="zstd")
        store.put_file(documents.COPY, written)

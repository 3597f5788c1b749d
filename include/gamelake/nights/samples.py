"""The values of the metrics in a state of the lake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gamelake.days import bounds_of
from gamelake.marts.documents import Action
from gamelake.marts.freshness import limits
from gamelake.marts.levels import LevelStatus
from gamelake.nights import metrics
from gamelake.nights.documents import LoadStatus, NightStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from gamelake.marts.documents import BuildResults, Generation, Publication
    from gamelake.marts.findings import Report
    from gamelake.marts.levels import ServiceLevels
    from gamelake.nights.captured import CapturedFacts
    from gamelake.nights.documents import LoadFacts, Night
    from gamelake.nights.metrics import Metric
    from gamelake.registry import Entity


class NewestLoad(NamedTuple):
    """The newest commit of a table, and the bytes of the parts that it lists."""

    entity: Entity
    load: LoadFacts
    bytes: int | None


@dataclass(frozen=True, slots=True)
class LakeState:
    """What the lake tells at a moment.

    read_at: that moment. night: the newest night. newest: of each table that has a commit. captured: the tables of
    changes. publication: the newest one.
    levels: the service levels, if they were computed.
    results, marts_bytes, history_bytes, quality: as `gamelake.nights.records.Records` has them. problems: how many
    documents cannot be used.
    """

    read_at: datetime
    night: Night
    newest: Sequence[NewestLoad]
    captured: Sequence[CapturedFacts]
    shown: Generation | None
    levels: ServiceLevels | None
    publication: Publication | None
    results: BuildResults | None
    marts_bytes: int
    history_bytes: int | None
    quality: Report | None
    problems: int


class Sample(NamedTuple):
    """A value of a metric."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def samples(state: LakeState) -> Iterator[Sample]:
    """Yield the values of a state of the lake."""
    yield Sample(metrics.READABLE, (), 1)
    yield Sample(metrics.READ_AT, (), _timestamp(state.read_at))
    yield Sample(metrics.DAMAGED, (), state.problems)
    yield Sample(metrics.NIGHT_DAY, (), _timestamp(bounds_of(state.night.day)[0]))
    yield from (Sample(metrics.NIGHT_STATUS, (each,), each is state.night.status) for each in NightStatus)
    for load in state.night.loads:
        table = (load.source, load.entity)
        yield from (Sample(metrics.STATUS, (*table, each), each is load.status) for each in LoadStatus)
        yield Sample(metrics.UNCOMMITTED, table, load.is_uncommitted)
    for entity, load, size in state.newest:
        yield from _of_load(entity, load)
        if size is not None:
            yield Sample(metrics.TABLE_BYTES, (load.source, load.entity), size)
    for captured in state.captured:
        yield from _of_captured(captured)
    yield from _of_marts(state)
    yield from _of_build(state)
    if state.levels:
        yield from _of_levels(state.levels)
    if state.quality:
        yield Sample(metrics.CHECKED, (), _timestamp(state.quality.checked_at))
        counts = Counter[tuple[str, str]]()
        for each in state.quality.findings:
            counts[each.severity, each.check] += each.is_open
        yield from (Sample(metrics.FINDINGS, labels, count) for labels, count in counts.items())


def _of_load(entity: Entity, load: LoadFacts) -> Iterator[Sample]:
    table = (load.source, load.entity)
    if load.commit:
        for metric, value_of in metrics.OF_COMMIT.items():
            if (value := value_of(load.commit)) is not None:
                yield Sample(metric, table, value)
    if load.pace is not None:
        yield Sample(metrics.BUDGET, table, load.pace)
    late, stale = limits(entity)
    yield Sample(metrics.LATE, table, late * 3600)
    yield Sample(metrics.STALE, table, stale * 3600)
    yield Sample(metrics.GATES, table, entity.gates_transform)


def _of_captured(found: CapturedFacts) -> Iterator[Sample]:
    table = (found.source, found.entity)
    if found.rows is not None and found.committed_at and found.changed_at and found.bytes is not None:
        yield Sample(metrics.CHANGES_ROWS, table, found.rows)
        yield Sample(metrics.CHANGES_COMMITTED, table, _timestamp(found.committed_at))
        yield Sample(metrics.CHANGES_CAPTURED, table, _timestamp(found.changed_at))
        yield Sample(metrics.TABLE_BYTES, table, found.bytes)
    if found.rejected_at:
        yield Sample(metrics.CHANGES_REJECTED, table, _timestamp(found.rejected_at))


def _of_marts(state: LakeState) -> Iterator[Sample]:
    if state.publication:
        yield Sample(metrics.PUBLISHED, (), _timestamp(state.publication.at))
        yield Sample(metrics.PUBLICATIONS, (), state.publication.number)
        yield Sample(metrics.ROLLED_BACK, (), state.publication.action is Action.ROLLBACK)
    if state.shown:
        yield Sample(metrics.BUILT, (), _timestamp(state.shown.built_at))
        yield Sample(metrics.MARTS_DAY, (), _timestamp(bounds_of(state.shown.day)[0]))
        for mart in state.shown.marts:
            yield Sample(metrics.MART_ROWS, (mart.name,), mart.rows)
            yield Sample(metrics.MART_BYTES, (mart.name,), mart.bytes)


def _of_build(state: LakeState) -> Iterator[Sample]:
    yield Sample(metrics.MARTS_BYTES, (), state.marts_bytes)
    if state.history_bytes is not None:
        yield Sample(metrics.HISTORY_BYTES, (), state.history_bytes)
    if state.results:
        yield Sample(metrics.BUILD_ENDED, (), _timestamp(state.results.at))
        found = (
            (metrics.BUILD_MODELS, metrics.MODEL_RESULTS, state.results.models),
            (metrics.BUILD_TESTS, metrics.TEST_RESULTS, state.results.tests),
        )
        for metric, names, counts in found:
            # A result that did not occur is 0: an alert of it ends.
            for name in dict.fromkeys((*names, *counts)):
                yield Sample(metric, (name,), counts.get(name, 0))


def _of_levels(found: ServiceLevels) -> Iterator[Sample]:
    yield Sample(metrics.LEVELS_AT, (), _timestamp(found.checked_at))
    for level in found.levels:
        yield Sample(metrics.LEVEL_TARGET, (level.name,), level.target)
        if level.attained is not None:
            yield Sample(metrics.LEVEL_ATTAINED, (level.name,), level.attained)
        yield Sample(metrics.LEVEL_BUDGET, (level.name,), level.budget_left)
        yield from (Sample(metrics.LEVEL_BURN, (level.name, nights), rate) for nights, rate in level.burn_rates.items())
        yield from (Sample(metrics.LEVEL_STATUS, (level.name, each), each is level.status) for each in LevelStatus)


def _timestamp(moment: datetime) -> float:
    return moment.timestamp()

"""Find loads that are unlike the loads before them: by rows, work and duration, each with its own weekday and trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gamelake.marts.findings import Observation, Severity
from gamelake.nights.loads import day_of_commit
from gamelake.quality.baseline import Point, Sensitivity, Shape, anomalies
from gamelake.quality.wording import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gamelake.marts.build_inputs import CommitInput
    from gamelake.nights.records import Records
    from gamelake.quality.baseline import Anomaly
    from gamelake.registry import Entity

CHECK = "anomaly"


class Measure(NamedTuple):
    """A figure of a load: its value, its unit, the least change that matters, and the shapes that are told."""

    value: Callable[[CommitInput], float]
    unit: str
    sensitivity: Sensitivity
    shapes: frozenset[Shape]


_EACH = frozenset({Shape.DROP, Shape.RISE, Shape.DRIFT})
MEASURES = {
    # The checks `volume` and `standstill` tell a drop, a rise and a standstill of the rows.
    "rows": Measure(lambda load: load.row_count, "rows", Sensitivity(1.1, 1.05, 20), frozenset({Shape.DRIFT})),
    "rows_read": Measure(lambda load: load.rows_read, "rows", Sensitivity(1.5, 1.15, 200), _EACH),
    "requests": Measure(lambda load: load.requests, "requests", Sensitivity(1.5, 1.15, 20), _EACH),
    "bytes": Measure(lambda load: load.bytes, "bytes", Sensitivity(1.5, 1.15, 1_000_000), _EACH),
    "seconds": Measure(lambda load: load.seconds, "seconds", Sensitivity(2.5, 1.5, 30), _EACH - {Shape.DROP}),
    "rejected": Measure(lambda load: load.rows_rejected, "rows", Sensitivity(2.0, 2.0, 20), _EACH - {Shape.DROP}),
    "deleted": Measure(lambda load: load.rows_deleted, "rows", Sensitivity(2.0, 2.0, 100), _EACH - {Shape.DROP}),
}


def observations(records: Records, entities: Iterable[Entity]) -> Iterator[Observation]:
    """Yield what is unusual in the newest load of each table.

    Args:
        records: The commits of the lake.
        entities: The entities whose tables are looked at.
    """
    for entity in entities:
        by_day = {day_of_commit(each): each for _, each in sorted(records.tables[str(entity)].commits.items())}
        loads = [by_day[day] for day in sorted(by_day)]
        for name, measure in MEASURES.items():
            # All rows are there after each load, so the mode makes no difference to their number.
            kinds = [each.mode if name != "rows" else "" for each in loads]
            points = [
                Point(day_of_commit(each), measure.value(each), kind) for each, kind in zip(loads, kinds, strict=True)
            ]
            found = anomalies(points, measure.sensitivity)
            if found and found[-1].day == points[-1].day and found[-1].shape in measure.shapes:
                yield _observation(entity, name, measure, found[-1])


def _observation(entity: Entity, name: str, measure: Measure, found: Anomaly) -> Observation:
    return Observation(
        check=CHECK,
        severity=Severity.P2,
        subject=f"{entity}.{name}",
        value=found.value,
        expected=f"about {found.expected:,.0f} {measure.unit}",
        **text(
            f"{CHECK}.{found.shape}",
            table=entity,
            figure=text(f"figure.{name}"),
            value=found.value,
            expected=found.expected,
            unit=text(f"unit.{measure.unit}"),
            day=found.day,
        ).fields("message"),
    )

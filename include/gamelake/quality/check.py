"""Check the data that is published, and record what is found.

    check_lake(store, load_entities(), now=datetime.now(UTC))

Only manifests, generations and profiles are read, and the Parquet files of a generation once, when it is new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gamelake.marts import findings, pointer
from gamelake.marts.findings import Observation
from gamelake.nights.records import RecordReader
from gamelake.quality import anomalies, marts, scores, service_levels, slow_models, tables
from gamelake.quality.evidence import Evidence, newest_loads, newest_signs, with_profiles
from gamelake.quality.record import record
from gamelake.quality.watched import model_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.marts.findings import Report
    from gamelake.registry import Entity

Check = Callable[["Evidence"], "Iterator[Observation]"]

BY_THE_CLOCK: tuple[Check, ...] = (tables.freshness, tables.silence)
"""The checks whose answer changes with time alone."""

CHECKS: tuple[Check, ...] = (
    tables.damage,
    tables.left_out,
    tables.volume,
    tables.standstill,
    marts.volume,
    marts.nulls,
    marts.duplicates,
    marts.references,
    marts.new_values,
    marts.vanished_values,
    scores.drift,
    scores.standstill,
)
"""The checks whose answer changes with a load or a publication. No two find the same thing of the same subject."""


def check_lake(store: Store, entities: Sequence[Entity], *, now: datetime, afresh: bool = False) -> tuple[Report, bool]:
    """Check the data of a lake.

    Without a load or a publication since the check before, only what depends on the clock is checked; the other
    findings of that check continue.

    Args:
        store: The lake.
        entities: Every entity of the registry.
        now: The moment.
        afresh: Check all of it, as after a change of a threshold.

    Returns:
        The report, and whether it is stored under a number of its own: a state changed, or readers have new marts.

    Raises:
        DocumentError: The pointer or a threshold is damaged or wrong.
        ObjectiveError: slo.yaml is wrong.
        SettingsError: GAMELAKE_OPTIONAL_SOURCES is wrong.
        TransformError: There is no dbt manifest.
        StoreError: The lake cannot be read or written.
    """
    loads, damaged = newest_loads(store, entities)
    evidence = Evidence(
        now=now,
        entities=entities,
        loads=loads,
        damaged=damaged,
        generation=pointer.current(store),
        signs=newest_signs(store),
    )
    commits = {name: load.figures.version for name, load in evidence.loads.items()}
    seen = None if afresh else _continuing(store, evidence, commits)
    levels = None if seen is None else service_levels.still(store, now=now)
    if seen is None:
        evidence = with_profiles(store, evidence)
        seen = [each for check in CHECKS for each in check(evidence)]
        seen += anomalies.observations(RecordReader(store, entities).read(1), entities)
        seen += slow_models.observations(store, evidence.generation, model_thresholds())
    seen += [each for check in BY_THE_CLOCK for each in check(evidence)]
    seen += service_levels.observations(levels or service_levels.refresh(store, entities, now=now))
    return record(store, seen, at=now, generation=evidence.generation, commits=commits)


def _continuing(store: Store, evidence: Evidence, commits: Mapping[str, int]) -> list[Observation] | None:
    """Return what the check before found, except by the clock; None if there was a load or a publication since."""
    before, _ = findings.newest(store)
    generation = evidence.generation
    if before is None or generation is None or before.generation != generation.generation:
        return None
    if before.commits != commits:
        return None
    names = {service_levels.CHECK, *(check.__name__ for check in BY_THE_CLOCK)}
    kept = [each for each in before.findings if each.is_open and each.check not in names]
    return [Observation(**{name: getattr(each, name) for name in Observation.__struct_fields__}) for each in kept]

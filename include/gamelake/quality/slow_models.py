"""Find models that took much longer than they usually do, and what changed in their plans.

Only the documents that builds left in their generations are read: see gamelake/marts/build_results.py.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from gamelake.lake.documents import DocumentError
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts import plans, pointer
from gamelake.marts.build_results import newest_plans, newest_results
from gamelake.marts.findings import Observation, Severity
from gamelake.quality.wording import text
from gamelake.thresholds import ModelThresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gamelake.lake.store import Store
    from gamelake.marts.documents import Generation, NodeRun, Operator

log = logging.getLogger(__name__)

CHECK = "slow_models"
BUILD = "build"
"""The subject of a finding about all models."""
LEAST_BUILDS = 5
"""Of fewer builds nothing is usual: there is no finding."""
RECENT_BUILDS = 14

_SLOW_BUILD = 2.0
_LEAST_BUILD_SECONDS = 60
"""A build that takes twice its usual and so much longer is a finding of its own, and no model is one for that."""
_LEAST_SECONDS = 0.05
"""A shorter model tells nothing about the pace of a build."""
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Usual:
    """What a model usually takes: the median of its last builds, how many they are, and the build next to it."""

    seconds: float
    builds: int
    generation: str


def runs_of(store: Store, generation: str) -> dict[str, NodeRun]:
    """Return what each model of a generation cost, by its name; a damaged document has none, with a warning.

    Raises:
        StoreError: The lake cannot be read.
    """
    try:
        results = newest_results(store, generation)
    except (DocumentError, ObjectNotFoundError) as error:
        log.warning("%s: its results are left out: %s", generation, error)
        return {}
    nodes = results.nodes if results else ()
    return {each.name: each for each in nodes if each.kind == "model" and each.status == "success"}


def usual_runs(store: Store, shown: Generation) -> dict[str, Usual]:
    """Return what each model took in the generations that readers had of earlier days, at most the last 14.

    Raises:
        StoreError: The lake cannot be read.
    """
    names = [each.generation for each in islice(pointer.before(store, shown), RECENT_BUILDS)]
    with ThreadPoolExecutor(_THREADS) as threads:
        builds = list(zip(names, threads.map(lambda name: runs_of(store, name), names), strict=True))
    found = {}
    for model in {name for _, runs in builds for name in runs}:
        took = [(runs[model].seconds, name) for name, runs in builds if model in runs]
        middle = median(seconds for seconds, _ in took)
        _, nearest = min(took, key=lambda each: abs(each[0] - middle))
        found[model] = Usual(middle, len(took), nearest)
    return found


def observations(
    store: Store, shown: Generation | None, thresholds: Mapping[str, ModelThresholds]
) -> Iterator[Observation]:
    """Yield the models of the generation that readers have which took much longer than usual.

    What slows down all models alike is no finding about each of them: they are compared at the pace of the build.

    Args:
        store: The lake.
        shown: That generation; None before the first publication.
        thresholds: Those of the models, by name.

    Raises:
        StoreError: The lake cannot be read.
    """
    runs = runs_of(store, shown.generation) if shown else {}
    if shown is None or not runs:
        return
    usual = {name: each for name, each in usual_runs(store, shown).items() if each.builds >= LEAST_BUILDS}
    pairs = [(runs[name].seconds, each.seconds) for name, each in usual.items() if name in runs]
    pace = _pace(pairs)
    if pace >= _SLOW_BUILD and sum(now - before for now, before in pairs) >= _LEAST_BUILD_SECONDS:
        yield _slow_build(pairs, pace)
    for name, run in sorted(runs.items()):
        if name not in usual:
            continue
        limits, expected = thresholds.get(name, ModelThresholds()), usual[name].seconds * pace
        if run.seconds >= limits.max_slowdown * expected and run.seconds - expected >= limits.min_slowdown_seconds:
            yield _slow_model(store, run, usual[name], shown.generation)


def _pace(pairs: Sequence[tuple[float, float]]) -> float:
    """Return how many times as long as usual the models of a build took, by their median; never below 1."""
    return max(1.0, median([now / before for now, before in pairs if before >= _LEAST_SECONDS] or [1.0]))


def _slow_build(pairs: Sequence[tuple[float, float]], pace: float) -> Observation:
    now, before = (sum(each) for each in zip(*pairs, strict=True))
    return Observation(
        check=CHECK,
        severity=Severity.P2,
        subject=BUILD,
        value=round(now, 1),
        expected=f"about {before:.0f} s",
        **text("slow_models.build", seconds=now, usual=before, pace=pace).fields("message"),
    )


def _slow_model(store: Store, run: NodeRun, usual: Usual, generation: str) -> Observation:
    now, before = _plan(store, generation, run.name), _plan(store, usual.generation, run.name)
    change = text("slow_plan.lost")
    if now and before:
        found = plans.difference(now, before)
        times = found.rows / max(found.usual_rows, 1)
        change = text(f"slow_plan.{found.kind}", **found._asdict(), times=times)
    words = text(
        "slow_models.model",
        model=run.name,
        seconds=run.seconds,
        times=run.seconds / max(usual.seconds, 0.01),
        usual=usual.seconds,
        builds=usual.builds,
    )
    return Observation(
        check=CHECK,
        severity=Severity.P2,
        subject=run.name,
        value=round(run.seconds, 1),
        expected=f"about {usual.seconds:.1f} s",
        **(words + change + text("slow_models.explain", model=run.name)).fields("message"),
    )


def _plan(store: Store, generation: str, model: str) -> tuple[Operator, ...]:
    try:
        found = newest_plans(store, generation)
    except (DocumentError, ObjectNotFoundError) as error:
        log.warning("%s: its plans are left out: %s", generation, error)
        return ()
    return found.plans.get(model, ()) if found else ()

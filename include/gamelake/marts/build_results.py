"""What a try of a build leaves in its generation: how each model and test ended, what it cost, and the plans.

    marts/dt=2026-11-21/<run>/_results-1.json   BuildResults
    marts/dt=2026-11-21/<run>/_plans-1.json     BuildPlans

They stay beside the marts, so nothing is lost with DuckDB's file. `fct_model_runs` has the figures of all builds of the
days before, see `runs_between`.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.days import PartitionError, format_day, parse_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts.build_inputs import ModelRunInput
from gamelake.marts.documents import PLANS, RESULTS, BuildPlans, BuildResults, DocumentT, NodeRun, encode, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from gamelake.lake.store import Store
    from gamelake.marts.profiles import Profile

log = logging.getLogger(__name__)

KINDS = ("model", "test")


def keep(
    store: Store,
    generation: str,
    attempt: int,
    results: Sequence[Mapping[str, Any]],
    profiles: Mapping[str, Profile],
    *,
    at: datetime,
) -> None:
    """Write how the models and tests of a try ended, and the plans, into its generation.

    Args:
        store: The lake.
        generation: The key of the generation.
        attempt: The number of the try.
        results: dbt's results.
        profiles: What the nodes took, by dbt's id.
        at: When dbt ended.

    Raises:
        StoreError: The lake cannot be written.
    """
    nodes = tuple(_node_run(each, profiles.get(each["unique_id"])) for each in results if _kind(each) in KINDS)
    models, tests = (Counter(each.status for each in nodes if each.kind == kind) for kind in KINDS)
    document = BuildResults(at=at.replace(microsecond=0), models=models, tests=tests, nodes=nodes)
    store.put(f"{generation}/{RESULTS}{attempt}.json", encode(document))
    if plans := {_name(node): each.operators for node, each in profiles.items() if each.operators}:
        # Not indented as the others are: it has thousands of operators.
        store.put(f"{generation}/{PLANS}{attempt}.json", msgspec.json.encode(BuildPlans(plans=plans)) + b"\n")


def newest_results(store: Store, generation: str) -> BuildResults | None:
    """Return how the last try of a generation ended, None if it left nothing. Raises: DocumentError, StoreError."""
    return _newest(store, f"{generation}/{RESULTS}", BuildResults)


def newest_plans(store: Store, generation: str) -> BuildPlans | None:
    """Return the plans of the last try of a generation, None if it left none. Raises: DocumentError, StoreError."""
    return _newest(store, f"{generation}/{PLANS}", BuildPlans)


def _newest(store: Store, prefix: str, kind: type[DocumentT]) -> DocumentT | None:
    numbers = [number for info in store.list(prefix) if (number := _attempt(prefix, info.key)) is not None]
    return read(store, f"{prefix}{max(numbers)}.json", kind) if numbers else None


def runs_between(store: Store, since: date | None, day: date) -> Iterator[ModelRunInput]:
    """Yield what the models and tests of the builds of some days cost, the oldest day first.

    A damaged document is left out with a warning.

    Args:
        store: The lake.
        since: The first day; None is the first of the lake.
        day: The day after the last one.

    Raises:
        StoreError: The lake cannot be read.
    """
    after = f"marts/dt={format_day(since)}" if since else ""
    for info in store.list("marts/dt=", after=after):
        generation, _, name = info.key.rpartition("/")
        try:
            of_day = parse_day(generation.split("/")[1].removeprefix("dt="))
        except (PartitionError, IndexError):  # another program's folder
            continue
        if of_day >= day:
            return
        attempt = _attempt(RESULTS, name)
        if attempt is None:
            continue
        try:
            results = read(store, info.key, BuildResults)
        except (DocumentError, ObjectNotFoundError) as error:
            log.warning("%s is left out: %s", info.key, error)
            continue
        for each in results.nodes:
            yield ModelRunInput(
                generation=generation, attempt=attempt, day=of_day, built_at=results.at, **msgspec.structs.asdict(each)
            )


def _attempt(prefix: str, key: str) -> int | None:
    """Return the number of a try, None if the key is another program's: `_results-01.json` would be a second try 1."""
    number = re.fullmatch(re.escape(prefix) + r"([1-9][0-9]{0,5})\.json", key)
    return int(number[1]) if number else None


def _node_run(result: Mapping[str, Any], profile: Profile | None) -> NodeRun:
    figures = {}
    if profile:
        names = (name for name in NodeRun.__struct_fields__ if name in profile.__struct_fields__)
        figures = {name: getattr(profile, name) for name in names}
    return NodeRun(
        name=_name(result["unique_id"]),
        kind=_kind(result),
        status=result["status"],
        seconds=round(result["execution_time"], 4),
        **figures,
    )


def _kind(result: Mapping[str, Any]) -> str:
    return str(result["unique_id"].partition(".")[0])


def _name(node: str) -> str:
    return node.split(".")[2]

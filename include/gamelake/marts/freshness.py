"""How old the loads are that readers see: a line for each entity of the published generation.

python -m gamelake.marts.freshness        exits with 1 when a load is older than 54 hours: two nights are missing

It counts by the wall clock, as nothing else in the transform does. A build never asks it: a day that is built again is
old. The limits are those of `dbt source freshness`; see include/gamelake/codegen/dbt_sources.py.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.cli.tables import table
from gamelake.codegen.dbt_sources import ERROR_AFTER_HOURS, WARN_AFTER_HOURS
from gamelake.days import KST
from gamelake.lake.store import ObjectNotFound, StoreError, lake_uri, open_store, place_of
from gamelake.marts import pointer
from gamelake.marts.generation import INPUTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store

_HEADER = ("entity", "day", "committed (KST)", "hours ago", "verdict")


def main() -> int:
    """Print the table. Returns: the exit code."""
    try:
        store = open_store(lake_uri())
        shown = pointer.current(store)
        if shown is None:
            sys.stderr.write(f"{place_of(store)}: nothing is published yet; run the DAG `transform` first\n")
            return 1
        return _report(store, shown, now=datetime.now(UTC))
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def verdict(age: timedelta) -> str:
    """What an age means: `fresh`, `late` (a night is missing) or `stale` (two are)."""
    if age > timedelta(hours=ERROR_AFTER_HOURS):
        return "stale"
    return "late" if age > timedelta(hours=WARN_AFTER_HOURS) else "fresh"


def _report(store: Store, shown: Mapping[str, Any], *, now: datetime) -> int:
    try:
        sources = orjson.loads(store.get(f"{shown['generation']}/{INPUTS}"))["sources"]
    except ObjectNotFound:
        sys.stderr.write(
            f"{shown['generation']} is published and its {INPUTS} is missing; run the DAG `transform` again\n"
        )
        return 1
    lines, verdicts = [], []
    for source in sources:
        committed = datetime.fromisoformat(source["committed_at"])
        age = now - committed
        verdicts.append(verdict(age))
        hours = f"{age.total_seconds() / 3600:,.1f}"
        lines.append((source["entity"], source["partition"], _kst(committed), hours, verdicts[-1]))
    stale, late = verdicts.count("stale"), verdicts.count("late")
    moved = pointer.newest(store)
    since = moved.at if moved and moved.generation == shown["generation"] else shown["published_at"]
    published = _kst(datetime.fromisoformat(since))
    sys.stdout.write(
        f"{place_of(store)}\n"
        f"Readers have {shown['day']}, published {published} KST: {shown['generation']}\n\n"
        f"{table(_HEADER, lines)}\n\n"
        f"{len(lines)} loads: {stale} stale (older than {ERROR_AFTER_HOURS} h), {late} late (older than "
        f"{WARN_AFTER_HOURS} h), {len(lines) - stale - late} fresh\n"
    )
    return 1 if stale else 0


def _kst(moment: datetime) -> str:
    return f"{moment.astimezone(KST):%Y-%m-%d %H:%M}"


if __name__ == "__main__":
    sys.exit(main())

"""The daily history of popularity: one Parquet object a day, built once.

    marts/history/fct_game_popularity_daily/day=2026-11-21/<identity>-<build>.parquet       the day
    marts/history/_parts/fct_game_popularity_daily/day=2026-11-21/<identity>-<build>.json   what it is built from
    marts/dt=2026-11-21/<run>/_history.json                                                 the days of a generation

The first folder has nothing but Parquet files, for readers that take it as one data set. They find the column `day` in
the folders' names: it is in no file.
The identity follows from the day's parts: a day whose load changed is another object. No two builds write the same
object, so a generation goes on showing what it was published with. A day counts as built when the generation that
readers have lists it: what a killed build left behind is built again beside it. A day that cannot be built is left out;
see unbuildable.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gamelake.lake.manifest import File, Manifest
    from gamelake.lake.store import ReadableStore, Store

TABLE = "igdb.popscore"
MODEL = "fct_game_popularity_daily"
LISTING = "_history.json"
PARTS = "_parts"

FATES = ("staged_rows", "superseded_rows", "void_rows")
"""What became of the day's raw rows; each object carries these figures."""

LAYOUT = 3
"""Moves when the SQL of the model says something else of the same parts: then every day is built again, once."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the history. `built` is its entry in the last listing, None when the day must be built."""

    day: str
    key: str
    files: tuple[File, ...]
    built: Mapping[str, Any] | None

    def as_input(self, store: Store, marts: ReadableStore) -> dict[str, Any]:
        """Return the day as a build gets it: its place in `store` to write, or, if built, in `marts` to read."""
        place = store if self.built is None else marts
        return {"day": self.day, "key": self.key, "url": place.url(self.key), "built": self.built}


def days_of(files: Sequence[File], listing: Iterable[Mapping[str, Any]]) -> list[Day]:
    """Return the days of a time series by age, given its files and what the generation that readers have lists.

    Each call names the days that are not built yet in its own way: no build writes what another one has written.
    """
    known = {_without_build(entry["key"]): entry for entry in listing}
    build = uuid4().hex[:12]
    days = []
    for day, group in groupby(sorted(files, key=attrgetter("partition")), key=attrgetter("partition")):
        of_day = tuple(group)
        name = f"marts/history/{MODEL}/day={day}/{_identity(of_day)}"
        built = known.get(name)
        days.append(Day(day, built["key"] if built else f"{name}-{build}.parquet", of_day, built))
    return days


def describe(store: Store, days: Iterable[Day]) -> None:
    """Write for each day that is to be built what it is built from; on disk make its folder. Raises: StoreError."""
    for day in days:
        if day.built is None:
            if store.uri.startswith("file:"):
                Path(store.url(day.key)).parent.mkdir(parents=True, exist_ok=True)  # DuckDB and Spark make none
            parts = [{"key": file.key, "sha256": file.sha256} for file in day.files]
            document = {"day": day.day, "layout": LAYOUT, "parts": parts}
            store.put(_description_of(day.key), orjson.dumps(document, option=orjson.OPT_INDENT_2))


def described(key: str) -> str:
    """Return the key of a day, given that key or the one of its description."""
    return f"{key.replace(f'/{PARTS}/', '/').rpartition('.')[0]}.parquet"


def _without_build(key: str) -> str:
    """Return a day's key up to its identity. Days of earlier versions of this code have no build in their names."""
    folder, _, name = key.removesuffix(".parquet").rpartition("/")
    return f"{folder}/{name.partition('-')[0]}"


def _description_of(key: str) -> str:
    return f"{key.removesuffix('parquet').replace('/history/', f'/history/{PARTS}/')}json"


def newest_day(manifest: Manifest, day: str) -> str:
    """Return the newest day that was loaded, up to a day: as `newest_day` in dbt/macros/engines/duckdb_inputs.sql.

    That load may have found nothing. A commit may hold later days, when it loaded an older one again.
    """
    return max(each for each in (manifest.partition, *(file.partition for file in manifest.files)) if each <= day)


def unread_parts(days: Sequence[Day], in_build: Sequence[Day], newest: str) -> set[str]:
    """Return the parts that a build does not read: of past days that are built, and of days that it leaves out.

    Args: `in_build` those of `days` that the build shows; `newest` the day that stg_igdb__popscore shows.
    """
    read = [day for day in in_build if day.built is None or day.day == newest]
    return {file.key for day in days for file in day.files} - {file.key for day in read for file in day.files}


def _identity(files: Sequence[File]) -> str:
    """Return an identity: equal for the same parts in the same order with the same claims, and the same layout."""
    parts = [[file.sha256, [[claim.low, claim.high] for claim in file.claims]] for file in files]
    return hashlib.sha256(orjson.dumps([LAYOUT, parts])).hexdigest()[:32]

"""The daily history: one Parquet file a day, built once.

    marts/history/fct_game_popularity_daily/day=2026-11-21/<identity>-<build>.parquet       the day
    marts/history/_parts/fct_game_popularity_daily/day=2026-11-21/<identity>-<build>.json   the parts it is built from
    marts/dt=2026-11-21/<run>/_history.json                                                 the days of a generation
    marts/dt=2026-11-21/<run>/_day=2026-11-21.parquet                                       a day as a build writes it

`publish` copies a day from there into the history, once the build is whole. A copy appears at once, on a disk too: the
history has no half file, and no day of a build that failed.

The first folder has only Parquet files, so that readers can open it as one data set. They find the column `day` in the
names of the folders; no file has it.

The identity follows from the parts of the day: a day whose load changed is another file. No two builds write the same
file, so the days of a published generation never change. A day counts as built when the generation that readers have
lists it; otherwise it is built again. A day that cannot be built is left out: see unbuildable.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import orjson

from gamelake.days import day_of_partition, parse_day
from gamelake.marts.build_inputs import DayInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.keys import TableName
    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import ReadableStore, Store
    from gamelake.marts.documents import HistoryDay

PARTS = "_parts"

LAYOUT = 4
"""Raise it when the SQL of the model gives other rows of the same parts: then every day is built again, once."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the history. `built` is its entry in the last listing, None when the day must be built."""

    day: date
    key: str
    files: tuple[Part, ...]
    built: HistoryDay | None

    def as_input(self, table: TableName, marts: ReadableStore) -> DayInput:
        """Return the day of a table as a build has it, which reads it in `marts` if it is built."""
        figures: dict[str, Any] = {"day": self.day, "key": self.key, "url": None}
        if self.built is not None:
            figures = {**msgspec.structs.asdict(self.built), "url": marts.url(self.key)}
        return DayInput(source=table.source, entity=table.entity, is_built=self.built is not None, **figures)


def folder(model: str) -> str:
    """Return the start of the keys of a mart's days."""
    return f"marts/history/{model}/"


def days_of(model: str, files: Sequence[Part], listing: Iterable[HistoryDay]) -> list[Day]:
    """Return the days of a time series, the oldest first.

    Each call gives other keys to the days that are not built yet: no build writes a file of another build.

    Args:
        model: The name of the mart.
        files: The files of the time series.
        listing: The days of the generation that readers have.
    """
    known = {_without_build(each.key): each for each in listing}
    build = uuid4().hex[:12]
    days = []
    for partition, group in groupby(sorted(files, key=attrgetter("partition")), key=attrgetter("partition")):
        of_day = tuple(group)
        name = f"{folder(model)}day={partition}/{_identity(of_day)}"
        built = known.get(name)
        days.append(Day(parse_day(partition), built.key if built else f"{name}-{build}.parquet", of_day, built))
    return days


def write_day_inputs(store: Store, days: Iterable[Day]) -> None:
    """Write the list of parts of each day that must be built.

    Raises:
        StoreError: The store cannot be written.
    """
    for day in days:
        if day.built is None:
            parts = [{"key": file.key, "sha256": file.sha256} for file in day.files]
            document = {"day": day.day, "layout": LAYOUT, "parts": parts}
            store.put(_parts_key(day.key), orjson.dumps(document, option=orjson.OPT_INDENT_2))


def written_key(generation: str, day: date) -> str:
    """Return the key of the file of a day that the build of a generation writes."""
    return f"{generation}/_day={day}.parquet"


def day_key(key: str) -> str:
    """Return the key of a day, given that key or the key of its list of parts."""
    return f"{key.replace(f'/{PARTS}/', '/').rpartition('.')[0]}.parquet"


def _without_build(key: str) -> str:
    """Return the key of a day up to its identity."""
    return key.rpartition("-")[0]


def _parts_key(key: str) -> str:
    return f"{key.removesuffix('parquet').replace('/history/', f'/history/{PARTS}/')}json"


def newest_day(commit: Manifest, day: str) -> str:
    """Return the newest day that was loaded, up to a day.

    That load may have found nothing. A commit that loaded an older day again also has later days.
    """
    partitions = (commit.partition, *(file.partition for file in commit.files))
    return max(each for each in map(day_of_partition, partitions) if each <= day)


def unread_parts(days: Sequence[Day], in_build: Sequence[Day], newest: str) -> set[str]:
    """Return the keys of the parts that a build does not read: of past days that are built or left out.

    Args:
        days: All days.
        in_build: Those of them that the build shows.
        newest: The day that the staging model of the newest day shows.
    """
    read = [day for day in in_build if day.built is None or str(day.day) == newest]
    return {file.key for day in days for file in day.files} - {file.key for day in read for file in day.files}


def _identity(files: Sequence[Part]) -> str:
    """Return the same text for the same parts in the same order with the same claims, and the same layout."""
    parts = [[file.sha256, [[claim.low, claim.high] for claim in file.claims]] for file in files]
    return hashlib.sha256(orjson.dumps([LAYOUT, parts])).hexdigest()[:32]

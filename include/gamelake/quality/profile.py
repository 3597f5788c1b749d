"""The profile of a published generation: the figures of its marts and tables that later checks compare.

    marts/quality/_profiles/dt=2026-11-21/<run>.json   Profile    created once for each generation that readers got

A profile has counts, ranges and quantiles, and of declared lookups their values. It has no other text of a row.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from gamelake.lake.documents import DocumentError
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts.documents import Count, Document, read
from gamelake.marts.findings import PREFIX

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from gamelake.marts.documents import Generation

log = logging.getLogger(__name__)

PROFILES = f"{PREFIX}_profiles/"
QUANTILES = tuple(percent / 100 for percent in range(5, 100, 5))
"""The quantiles of a column of numbers, from 5 % to 95 %."""
HISTORY_DAYS = 42
"""The days before the checked one whose profiles are compared: six of each weekday."""

_THREADS = 8


class ColumnProfile(Document, frozen=True, kw_only=True, omit_defaults=True):
    """One column of a mart. Days and moments are in seconds since 1970."""

    name: Annotated[str, Meta(min_length=1, description="The name of the column.")]
    nulls: Annotated[Count, Meta(description="Rows without a value.")]
    distinct: Annotated[Count | None, Meta(description="Different values; null for lists.")] = None
    min: Annotated[float | None, Meta(description="The least number, day or moment.")] = None
    max: Annotated[float | None, Meta(description="The greatest one.")] = None
    quantiles: Annotated[
        tuple[float, ...] | None,
        Meta(description="About 5 % of the values are below the first, 10 % below the second, and so on."),
    ] = None
    values: Annotated[
        dict[str, int] | None, Meta(description="Of a lookup: the rows of each value, the 1,000 most frequent.")
    ] = None


class MartProfile(Document, frozen=True, kw_only=True):
    """One mart of the generation."""

    name: Annotated[str, Meta(min_length=1, description="The name of the mart.")]
    rows: Annotated[Count, Meta(description="Its rows.")]
    columns: tuple[ColumnProfile, ...]
    orphans: Annotated[dict[str, int], Meta(description="Rows whose key another mart does not have, by column.")]


class TableFigures(Document, frozen=True, kw_only=True):
    """The commit of a table that the generation shows."""

    table: Annotated[str, Meta(min_length=1, description="The table, such as `igdb.games`.")]
    version: Annotated[int, Meta(ge=1, description="The number of the commit.")]
    partition: Annotated[str, Meta(min_length=1, description="The partition that it loaded.")]
    rows: Annotated[Count, Meta(description="Its rows; of a time series those of the partition.")]
    newest: Annotated[int | None, Meta(description="The greatest updated_at of its rows, in seconds since 1970.")]


class Profile(Document, frozen=True, kw_only=True):
    """The figures of one published generation."""

    generation: Annotated[str, Meta(min_length=1, description="Its key.")]
    day: Annotated[date, Meta(description="Its Korean day.")]
    built_at: Annotated[datetime, Meta(tz=True, description="When it was built.")]
    marts: tuple[MartProfile, ...]
    tables: tuple[TableFigures, ...]


def profile_key(generation: Generation) -> str:
    """Return the key of the profile of a generation."""
    return f"{PROFILES}{generation.generation.removeprefix('marts/')}.json"


def earlier_profiles(store: Store, day: date) -> tuple[Profile, ...]:
    """Return the profiles of the days before a day, the oldest first, one for each day: of the last build.

    Raises:
        StoreError: The store cannot be read. A damaged profile is left out with a warning.
    """
    first, last = f"{PROFILES}dt={day - timedelta(days=HISTORY_DAYS)}/", f"{PROFILES}dt={day}/"
    keys = [info.key for info in store.list(PROFILES, after=first) if info.key < last]
    with ThreadPoolExecutor(_THREADS) as threads:
        found = [each for each in threads.map(lambda key: _read(store, key), keys) if each]
    by_day: dict[date, Profile] = {}
    for each in sorted(found, key=lambda profile: profile.built_at):
        by_day[each.day] = each
    return tuple(by_day[each] for each in sorted(by_day))


def _read(store: Store, key: str) -> Profile | None:
    try:
        return read(store, key, Profile)
    except (ObjectNotFoundError, DocumentError) as error:
        log.warning("%s is left out: %s", key, error)
        return None

"""What the checks look at: the newest commits, the profile of what readers have, and the profiles of earlier days."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gamelake.kinds import SourceKind
from gamelake.lake.capture_sign import read_sign
from gamelake.lake.manifest import Manifest, ManifestError
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import open_table
from gamelake.quality.profile import earlier_profiles
from gamelake.quality.profiling import figures, profile_of
from gamelake.quality.watched import WatchedMart, watched_marts
from gamelake.registry import switched_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from gamelake.lake.capture_sign import CaptureSign
    from gamelake.lake.store import Store
    from gamelake.marts.documents import Generation
    from gamelake.quality.profile import ColumnProfile, MartProfile, Profile, TableFigures
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

_THREADS = 8


@dataclass(frozen=True, slots=True)
class Load:
    """The newest commit of a table: its figures, and when it was committed."""

    figures: TableFigures
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check of the data looks at.

    Attributes:
        now: The moment of the check.
        entities: Every entity of the registry.
        loads: The newest load of each table that has one, by the name of the table.
        generation: What readers have; None before the first publication.
        marts: What is checked of each mart, by its name.
        profile: Its profile.
        earlier: The profiles of the days before it, the oldest first.
        signs: The newest sign of each capture whose source is on, by the source.
        damaged: Why the newest load of a table cannot be read, by its name.
    """

    now: datetime
    entities: Sequence[Entity]
    loads: Mapping[str, Load]
    generation: Generation | None
    marts: Mapping[str, WatchedMart] = field(default_factory=dict)
    profile: Profile | None = None
    earlier: Sequence[Profile] = ()
    signs: Mapping[str, CaptureSign] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)

    def watched(self, mart: str) -> WatchedMart:
        """Return what is checked of a mart."""
        return self.marts.get(mart, WatchedMart())

    def of_mart(self) -> Iterator[tuple[MartProfile, list[tuple[date, MartProfile]]]]:
        """Yield each mart of the profile, with its days before."""
        if self.profile is None:
            return
        before = [(each.day, {mart.name: mart for mart in each.marts}) for each in self.earlier]
        for mart in self.profile.marts:
            yield mart, [(day, marts[mart.name]) for day, marts in before if mart.name in marts]

    def of_column(self) -> Iterator[tuple[MartProfile, ColumnProfile, list[tuple[MartProfile, ColumnProfile]]]]:
        """Yield each column of the profile, with the same column of the days before, the oldest first."""
        for mart, days in self.of_mart():
            before = [(each, {column.name: column for column in each.columns}) for _, each in days]
            for column in mart.columns:
                yield mart, column, [(each, columns[column.name]) for each, columns in before if column.name in columns]

    def of_table(self, table: str) -> list[TableFigures]:
        """Return the figures of each commit of a table that readers had, the oldest first."""
        profiles = [*self.earlier, *([self.profile] if self.profile else [])]
        found = {each.version: each for profile in profiles for each in profile.tables if each.table == table}
        return [figures for _, figures in sorted(found.items())]


def newest_loads(store: Store, entities: Sequence[Entity]) -> tuple[dict[str, Load], dict[str, str]]:
    """Return the newest load of each table that has one, and why that of a table cannot be read, by its name.

    Raises: StoreError.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        read = threads.map(lambda entity: _newest_load(store, entity), entities)
        found = dict(zip(map(str, entities), read, strict=True))
    loads = {name: Load(figures(each), each.committed_at) for name, each in found.items() if isinstance(each, Manifest)}
    return loads, {name: each for name, each in found.items() if isinstance(each, str)}


def _newest_load(store: Store, entity: Entity) -> Manifest | str | None:
    try:
        return open_table(store, entity.table).newest_load()
    except (ManifestError, ObjectNotFoundError) as error:
        log.warning("%s is not checked: %s", entity, error)
        return str(error)


def newest_signs(store: Store) -> dict[str, CaptureSign]:
    """Return the newest sign of each capture whose source is on. Raises: StoreError."""
    captured = [name for name, source in switched_on().items() if source.kind is SourceKind.DEBEZIUM]
    return {name: sign for name in captured if (sign := read_sign(store, name))}


def with_profiles(store: Store, evidence: Evidence) -> Evidence:
    """Add the profiles: the generation that readers have is profiled if it is new.

    Raises:
        DocumentError: A threshold is wrong.
        TransformError: There is no dbt manifest.
        StoreError: The lake cannot be read or written.
    """
    marts, generation = watched_marts(), evidence.generation
    if generation is None:
        return replace(evidence, marts=marts)
    profile = profile_of(store, generation, marts)
    return replace(evidence, marts=marts, profile=profile, earlier=earlier_profiles(store, generation.day))

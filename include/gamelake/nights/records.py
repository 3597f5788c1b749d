"""The documents of the lake that tell of its nights: figures of commits, builds and publications.

Reads are bounded, so that a page opens at once on S3. The figures of all commits come with one document, the inputs of
the generation that readers have. Only newer commits are read one by one, 8 at a time. For 16 tables and 30 nights the
first read has 72 requests, and each later one 35: a listing and the newest manifest of each table, and what is new. In
a lake that never published, the first read has 483. A year of 16 tables takes 0.2 s of CPU.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gamelake.days import PartitionError, format_day, parse_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.keys import number_of
from gamelake.lake.manifest import Mode
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import open_table
from gamelake.marts import findings, levels, pointer
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.commits import figures_of
from gamelake.marts.documents import (
    INPUTS,
    PUBLICATIONS,
    RECORD,
    RESULTS,
    BuildResults,
    Generation,
    History,
    Publication,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput
    from gamelake.marts.findings import Report
    from gamelake.marts.levels import ServiceLevels
    from gamelake.registry import Entity

THREADS = 8
MOST_READ = 90
"""Commits of one table that are read one by one: three for each of 30 nights."""
MOST_PUBLICATIONS = 120
SCHEDULED = "scheduled__"
"""The start of the id of a run that Airflow's scheduler made; a person's is `manual__`."""


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a day: a folder of marts. `record` is None while it is not finished, or if it cannot be read."""

    key: str
    started_at: datetime
    finished: bool
    record: Generation | None = None


@dataclass(frozen=True, slots=True)
class _Folders:
    """What a listing of the builds tells: the times of their documents, by key or folder, and the size of it all."""

    started: dict[str, datetime]
    finished: dict[str, datetime]
    results: dict[str, datetime]
    bytes: int


@dataclass(slots=True)
class TableRecords:
    """The figures of a table's commits by number, and the numbers that have no readable manifest.

    `bytes` is the size of the parts that the newest readable commit lists.
    """

    commits: dict[int, CommitInput] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """What the lake tells of its nights.

    tables: by the name of the table. builds: by day, the oldest first. publications: the newest first. shown: the
    generation that readers have. results: of the build that ended last, whether it succeeded or not. marts_bytes: the
    size of all objects of these builds. history_bytes: the size of the history that readers have. levels: the service
    levels, if they were computed. quality: the newest check of the data. problems: documents that cannot be used.
    """

    tables: Mapping[str, TableRecords]
    builds: Mapping[date, Sequence[Build]]
    publications: Sequence[Publication]
    shown: Generation | None
    results: BuildResults | None
    marts_bytes: int
    history_bytes: int | None
    levels: ServiceLevels | None
    quality: Report | None
    problems: Sequence[str]


def first_deadline(tables: Iterable[TableRecords]) -> date | None:
    """Return the first day that has a deadline; None in a lake whose days are all run by hand.

    The day of the first load that a schedule started is the one on which it was switched on, at any hour.
    """
    loads = (each for table in tables for each in table.commits.values())
    days = [each.partition[:10] for each in loads if each.run_id.startswith(SCHEDULED)]
    return parse_day(min(days)) + timedelta(days=1) if days else None


class RecordReader:
    """Reads the records of one lake, again and again: documents that never change are read once."""

    def __init__(self, store: Store, entities: Iterable[Entity]) -> None:
        self.store = store
        self.entities = tuple(entities)
        self._tables: dict[str, TableRecords] = {}
        self._inputs_of: str | None = None
        self._history_of: tuple[str, int] | None = None
        self._results: tuple[tuple[str, datetime], BuildResults] | None = None
        # By key and time: a lake may be deleted and made again.
        self._generations: dict[tuple[str, datetime], Generation] = {}
        self._publications: dict[tuple[str, datetime], Publication] = {}

    def read(self, nights: int) -> Records:
        """Read what is needed for the newest nights. A lost or damaged document is a problem, and no error.

        Raises:
            StoreError: The lake cannot be read.
        """
        problems: list[str] = []
        shown = self._shown(problems)
        known = self._known(shown, problems)
        with ThreadPoolExecutor(THREADS) as threads:
            tables = threads.map(lambda entity: self._table(entity, known), self.entities)
            self._tables = {str(entity): table for entity, table in zip(self.entities, tables, strict=True)}
            for name, table in self._tables.items():
                problems += [f"{name}: the manifest of version {number} is lost or damaged" for number in table.lost]
            newest = self.newest_day()
            found = self._folders(newest - timedelta(days=nights)) if newest else _Folders({}, {}, {}, 0)
            builds = self._builds(found, threads, problems)
            publications = [*self._lost(problems), *self._moves(threads, problems)]
        return Records(
            self._tables,
            builds,
            publications,
            shown,
            self._ended(found, problems),
            found.bytes,
            self._history(shown, problems),
            self._levels(problems),
            self._quality(problems),
            problems,
        )

    def newest_day(self) -> date | None:
        """Return the newest day of a commit that was read."""
        days = [commit.partition[:10] for table in self._tables.values() for commit in table.commits.values()]
        return parse_day(max(days)) if days else None

    def _shown(self, problems: list[str]) -> Generation | None:
        try:
            return pointer.current(self.store)
        except DocumentError as error:
            problems.append(str(error))
            return None

    def _levels(self, problems: list[str]) -> ServiceLevels | None:
        try:
            return levels.current(self.store)
        except DocumentError as error:
            problems.append(str(error))
            return None

    def _known(self, shown: Generation | None, problems: list[str]) -> Sequence[CommitInput]:
        """Return the commits that the shown generation lists, unless they were read before."""
        if shown is None or shown.generation == self._inputs_of:
            return ()
        try:
            commits = read(self.store, f"{shown.generation}/{INPUTS}", Inputs).commits
        except (ObjectNotFoundError, DocumentError) as error:
            problems.append(str(error))
            return ()
        self._inputs_of = shown.generation
        return commits

    def _table(self, entity: Entity, listed: Sequence[CommitInput]) -> TableRecords:
        """Return the figures of a table: those that are known, and of newer or unlisted commits what a store has."""
        known = {each.version: each for each in listed if (each.source, each.entity) == (entity.source, entity.name)}
        known |= self._tables.get(str(entity), TableRecords()).commits
        table = open_table(self.store, entity.table)
        # From the newest known one on: a table has many thousand manifests after years of applied events.
        newest = self._newest(entity.table, max(known, default=0)) or self._newest(entity.table, 0)
        found, is_trusted, reads = TableRecords(), False, 0
        has_events = False
        version = newest + 1
        while version := version - 1:
            before = known.get(version)
            if before and is_trusted:
                found.commits[version] = before
                continue
            if is_trusted and has_events:  # not listed: mostly commits that applied events
                continue
            if reads >= MOST_READ:
                break
            reads += 1
            try:
                manifest = table.read(version)
            except (ObjectNotFoundError, DocumentError):
                found.lost.add(version)
                continue
            if found.bytes is None:
                found.bytes = sum(part.bytes for part in manifest.files)
            # What was applied between two loads is no load.
            following, has_events = manifest.load_before + 1, has_events or manifest.events is not None
            if manifest.mode is Mode.EVENTS:
                version = following
                continue
            figures = figures_of(manifest)
            found.commits[version] = figures
            # What is known may be of another lake, or of one that was deleted and made again.
            is_trusted = is_trusted or bool(before and replace(before, is_read=False) == figures)
            version = following
        return found

    def _newest(self, table: TableName, known: int) -> int:
        """Return the number of the newest commit, 0 if the table has none from a known one on."""
        prefix = table.manifests_prefix
        listed = self.store.list(prefix, after=table.manifest_key(known - 1) if known else "")
        return max((n for info in listed if (n := number_of(prefix, info.key)) is not None), default=0)

    def _folders(self, since: date) -> _Folders:
        started: dict[str, datetime] = {}
        finished: dict[str, datetime] = {}
        results: dict[str, datetime] = {}
        size = 0
        for info in self.store.list("marts/dt=", after=f"marts/dt={format_day(since)}"):
            folder, _, name = info.key.rpartition("/")
            size += info.size
            if name == INPUTS:
                started[folder] = info.modified
            elif name == RECORD:
                finished[folder] = info.modified
            elif name.startswith(RESULTS):
                results[info.key] = info.modified
        return _Folders(started, finished, results, size)

    def _builds(self, found: _Folders, threads: ThreadPoolExecutor, problems: list[str]) -> dict[date, list[Build]]:
        finished = found.finished
        records = dict(zip(finished, threads.map(self._generation, finished.items()), strict=True))
        builds: dict[date, list[Build]] = {}
        for folder, begun in sorted({**finished, **found.started}.items(), key=itemgetter(1)):
            record = records.get(folder)
            if isinstance(record, str):
                problems.append(record)
                record = None
            with suppress(PartitionError):  # another program's folder
                day = parse_day(folder.split("/")[1].removeprefix("dt="))
                builds.setdefault(day, []).append(Build(folder, begun, folder in finished, record))
        return builds

    def _ended(self, found: _Folders, problems: list[str]) -> BuildResults | None:
        """Return the results of the build that ended last."""
        if not found.results:
            return None
        newest = max(found.results.items(), key=itemgetter(1))
        if self._results is None or self._results[0] != newest:
            try:
                self._results = (newest, read(self.store, newest[0], BuildResults))
            except (ObjectNotFoundError, DocumentError) as error:
                problems.append(str(error))
                return None
        return self._results[1]

    def _history(self, shown: Generation | None, problems: list[str]) -> int | None:
        """Return the size of the days of the history that a generation lists."""
        if shown is None:
            return None
        if self._history_of is None or self._history_of[0] != shown.history:
            try:
                days = read(self.store, shown.history, History).days
            except (ObjectNotFoundError, DocumentError) as error:
                problems.append(str(error))
                return None
            self._history_of = (shown.history, sum(day.bytes for day in days))
        return self._history_of[1]

    def _quality(self, problems: list[str]) -> Report | None:
        try:
            return findings.current(self.store)
        except DocumentError as error:
            problems.append(str(error))
            return None

    def _generation(self, found: tuple[str, datetime]) -> Generation | str:
        """Return a generation's document, or why it cannot be used."""
        if found not in self._generations:
            try:
                self._generations[found] = pointer.record_of(self.store, found[0])
            except (ObjectNotFoundError, DocumentError) as error:
                return str(error)
        return self._generations[found]

    def _moves(self, threads: ThreadPoolExecutor, problems: list[str]) -> list[Publication]:
        listed = self.store.list(PUBLICATIONS)
        keys = [(info.key, info.modified) for info in listed if number_of(PUBLICATIONS, info.key) is not None]
        found = list(threads.map(self._publication, sorted(keys, reverse=True)[:MOST_PUBLICATIONS]))
        problems += [each for each in found if isinstance(each, str)]
        return [each for each in found if isinstance(each, Publication)]

    def _lost(self, problems: list[str]) -> list[Publication]:
        """Return the copy of the newest publication, if that is lost."""
        if not (lost := pointer.lost(self.store)):
            return []
        problems.append(f"{pointer.publication_key(lost.number)} is lost; readers have what it shows")
        return [lost]

    def _publication(self, found: tuple[str, datetime]) -> Publication | str:
        if found not in self._publications:
            try:
                self._publications[found] = read(self.store, found[0], Publication)
            except (ObjectNotFoundError, DocumentError) as error:
                return str(error)
        return self._publications[found]

"""Reads published marts: the one way for every program that shows or checks them.

    marts = open_marts()                                  # what readers have now, in the lake of GAMELAKE_URI
    marts = open_marts("https://cdn.example.com/lake")    # through a CDN, without credentials
    marts = open_marts(day=date(2026, 11, 20))            # as readers had them of that day
    marts.relation("mart_top_rated").limit(5).show()
    marts.urls("dim_games")                               # its files, for any other program

A CDN has no restricted marts (RAWG forbids to pass its rows on): there, `names` is without them.

One object reads one generation, also while a newer one is published. It needs neither Airflow nor dbt. Only
`mart_data_quality` and `mart_service_levels` belong to no generation: they are what checks found up to now.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Self

from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import lake_uri, open_store, place_of
from gamelake.lake.store import Store, StoreError
from gamelake.marts import findings, levels, pointer
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import INPUTS, POINTER, History, read_built
from gamelake.marts.errors import TransformError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from gamelake.lake.store import ReadableStore
    from gamelake.marts.documents import Generation, PublishedMart
    from gamelake.marts.findings import Report
    from gamelake.marts.levels import ServiceLevels


log = logging.getLogger(__name__)


class NotPublishedError(TransformError):
    """There are no marts to read: nothing is published, or nothing of the day that was asked for."""


class NoSuchMartError(TransformError):
    """A generation has no mart of a name, as one that an earlier version built."""


class Marts:
    """The marts of one generation. A context manager: at its end the DuckDB connection is closed.

    Attributes:
        generation: Its facts: day, time of the build, commits that it was built from, and each mart with its rows.
    """

    def __init__(self, store: ReadableStore, generation: Generation) -> None:
        self.generation = generation
        self._store = store
        is_public = store.uri.startswith(("https://", "http://"))
        self._files = {mart.name: mart for mart in generation.marts if not (is_public and mart.is_restricted)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "connection" in self.__dict__:
            self.connection.close()

    @property
    def names(self) -> list[str]:
        """The names of all marts: with the daily history if it has days, and what checks wrote if it can be read."""
        checked = []
        for name, current in ((findings.MART, findings.current), (levels.MART, levels.current)):
            try:
                if current(self._store):
                    checked.append(name)
            except DocumentError as error:  # no other mart needs it, and the next check writes it again
                log.warning("%s is left out: %s", name, error)
        return sorted([*self._files, *self._history, *checked])

    @property
    def readable(self) -> list[PublishedMart]:
        """The marts of the generation that can be read from here: all, or those that a CDN may show."""
        return list(self._files.values())

    @cached_property
    def history(self) -> History:
        """The days of the daily history, and the days that are left out of it. Raises: DocumentError, StoreError."""
        return read_built(self._store, self.generation.history, History)

    @cached_property
    def inputs(self) -> Inputs:
        """What the generation was built from: commits, files, and earlier loads. Raises: DocumentError, StoreError."""
        return read_built(self._store, f"{self.generation.generation}/{INPUTS}", Inputs)

    @property  # a check may follow at any time
    def report(self) -> Report | None:
        """What the newest check of the data found, None before the first one. Raises: DocumentError, StoreError."""
        return findings.current(self._store)

    @property  # a check may follow at any time
    def levels(self) -> ServiceLevels | None:
        """The service levels, None before they were first computed. Raises: DocumentError, StoreError."""
        return levels.current(self._store)

    @cached_property
    def connection(self) -> DuckDBPyConnection:
        """A DuckDB in memory that can read the lake. Raises: StoreError."""
        from gamelake.lake.querying import connect  # a reader of paths alone needs no database

        return connect(self._store)

    def earlier(self) -> Iterator[Marts]:
        """Yield the marts that readers had of each earlier day, the newest first, as far as they are kept.

        Raises: DocumentError, StoreError.
        """
        for generation in pointer.before(self._store, self.generation):
            yield Marts(self._store, generation)

    def urls(self, name: str) -> list[str]:
        """Return where the files of a mart are: one, or of the history one for each day, the oldest first.

        Args:
            name: The name of the mart, such as `dim_games`.

        Returns:
            Paths on a disk, s3:// or https:// addresses.

        Raises:
            TransformError: The generation has no such mart.
            DocumentError: The listing of the history or the report of the data quality is damaged.
            StoreError: One of the two cannot be read.
        """
        if name in self._files:
            return [self._store.url(self._files[name].key)]
        if name in self._history:
            return self._history[name]
        if name == findings.MART and self.report:
            return [self._store.url(self.report.table)]
        if name == levels.MART and self.levels:
            return [self._store.url(levels.COPY)]
        if name in {mart.name for mart in self.generation.marts}:
            raise TransformError(
                f"mart: found {name!r}, which is restricted: no CDN has it. Read the lake itself (s3:// or file://), "
                "with rights to restricted marts"
            )
        if name in {findings.MART, levels.MART}:
            raise TransformError(
                f"mart: {name} is written by the first check of the published data, and "
                f"{place_of(self._store)} had none yet: run `gamelake quality --check` or the DAG data_quality"
            )
        raise NoSuchMartError(
            f"mart: found {name!r}, expected one of {', '.join(self.names)}; {self.generation.generation} in "
            f"{place_of(self._store)} has no other"
        )

    def relation(self, name: str) -> DuckDBPyRelation:
        """Return a mart as a relation of DuckDB, in the order of its file. It can be queried: `relation.filter(...)`.

        Args:
            name: The name of the mart, such as `dim_games`.

        Raises:
            TransformError: The generation has no such mart.
            DocumentError: The listing of the history is damaged.
            StoreError: The lake cannot be read, or a file of the mart is missing or damaged.
        """
        import duckdb

        files = self.scan(name)
        try:
            return self.connection.sql(f"from {files}")
        except duckdb.Error as error:
            hint = "`gamelake lake audit` lists missing and damaged files"
            raise StoreError("read", name, f"{str(error).splitlines()[0]}; {hint}") from error

    def scan(self, name: str) -> str:
        """Return a mart as SQL has it after `from`: for a query of several marts on `connection`. Raises as `urls`."""
        from gamelake.lake.querying import literal

        files = ", ".join(map(literal, self.urls(name)))
        # The lake may be below a folder such as `env=prod` or `day=5`, which is no column and no day of ours.
        read = f"read_parquet([{files}], hive_partitioning = false"
        if name not in self._history:
            return f"{read})"
        day = "cast(regexp_extract(filename, '.*/day=([0-9-]+)', 1) as date) as day"
        return f"(select * exclude (filename), {day} from {read}, filename = true))"  # noqa: S608 - no input of others

    @cached_property
    def _history(self) -> dict[str, list[str]]:
        """The files of the daily history, by the name of its mart."""
        days = self.history.days
        return {days[0].key.split("/")[2]: [self._store.url(each.key) for each in days]} if days else {}


def open_marts(lake: str | ReadableStore | None = None, *, day: date | None = None) -> Marts:
    """Open the marts that readers have now, or those that they had of a day.

    A rollback counts: the marts are those of the generation that the pointer shows, or of the ones before it.

    Args:
        lake: A URI (`s3://bucket/prefix`, `file:///folder`, `https://host/prefix`) or a store; by default GAMELAKE_URI.
        day: A Korean day; the marts are then the newest of that day or of one before it.

    Raises:
        NotPublishedError: Nothing is published, or nothing that is still kept of that day or of one before it.
        DocumentError: The pointer is damaged.
        StoreError: The URI is none of a lake, or the lake cannot be read.
    """
    store = open_readable(lake or lake_uri()) if lake is None or isinstance(lake, str) else lake
    days: list[date] = []
    for generation in pointer.by_day(store):
        if day is None or generation.day <= day:
            return Marts(store, generation)
        days.append(generation.day)
    if not days:
        if isinstance(store, Store) and (last := pointer.newest(store)):
            raise NotPublishedError(
                f"{POINTER} is missing in {place_of(store)}, so readers have no marts; publication "
                f"{last.number} shows {last.generation}: `{pointer.repair(store, last)}` writes the pointer again"
            )
        raise NotPublishedError(
            f"nothing is published yet in {place_of(store)}; run the DAG `transform`, or `make run`"
        )
    raise NotPublishedError(
        f"day: found {day}, expected {min(days)} or later: older generations are not kept in {place_of(store)}; "
        f"`make generations` lists what is kept, and the DAG `transform` with `date` builds a day again"
    )


def open_readable(uri: str) -> ReadableStore:
    """Return the store at a URI, `https://` of a CDN too: for a program that opens its marts many times.

    Raises: StoreError, if the URI is none of a lake.
    """
    if uri.startswith(("https://", "http://")):
        from gamelake.lake.https import HttpsStore

        return HttpsStore(uri)
    return open_store(uri)

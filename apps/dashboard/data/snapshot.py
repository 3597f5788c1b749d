"""One published generation of the marts, and the queries that pages ask of it.

    lake = lake_at(lake_uri())
    snapshot = lake.current()                       # follows the pointer; the same object while it stands still
    snapshot.rows("select game_name from {mart_top_rated} where rank <= ?", 10)

A page takes one snapshot and asks only that one, so its figures are of one generation. A snapshot is shared by all
viewers: each query has a cursor of its own, and an answer is kept until the generation changes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import duckdb

from apps.dashboard.data.problems import NO_PERMISSION, kind_of
from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import place_of
from gamelake.lake.store import StoreError
from gamelake.marts.duckdb_extensions import ExtensionError, link_extensions
from gamelake.marts.reader import Marts, NotPublishedError, open_marts, open_readable
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from datetime import date, datetime

    from gamelake.lake.store import ReadableStore

Row = dict[str, Any]
"""One row of an answer, by the names of its columns."""

POINTER_SECONDS = 2.0
"""How long the pointer is believed: a page with many widgets would else ask for it at every click."""
REOPEN_SECONDS = 600.0
"""A snapshot is opened again then: the credentials of a role, which DuckDB was given, expire."""
ANSWERS = 256
"""Answers that a snapshot keeps. Pages ask for tens of rows, so they are a few MB."""


class Snapshot:
    """A generation that is open for reading; safe to share between threads.

    Attributes:
        generation: The key of the generation.
        day: The Korean day that it shows.
        built_at: When it was built.
    """

    def __init__(self, marts: Marts) -> None:
        self.marts = marts
        self.generation = marts.generation.generation
        self.day: date = marts.generation.day
        self.built_at: datetime = marts.generation.built_at
        self._counts = {mart.name: mart.rows for mart in marts.readable}
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[Any, ...], list[Row]] = OrderedDict()
        self._connection = marts.connection
        self._connection.execute("set memory_limit = '200MB'; set threads = 4; set temp_directory = ''")
        self._leave_out_refused()

    def count(self, mart: str) -> int:
        """Return how many rows a mart has; 0 for one that the generation has not, or that cannot be read from here."""
        return self._counts.get(mart, 0)

    @cached_property
    def history_days(self) -> list[date]:
        """The days of the popularity history, the oldest first."""
        return [each.day for each in self.marts.history.days]

    @cached_property
    def earlier(self) -> list[Marts]:
        """The generations that readers had of earlier days and that are still kept, the newest first."""
        return list(self.marts.earlier())

    def _leave_out_refused(self) -> None:
        """Leave out the restricted marts where the key may not read them, as that of a public page."""
        restricted = [mart.name for mart in self.marts.readable if mart.is_restricted]
        if not restricted:
            return
        try:
            with suppress(duckdb.Error):  # a damaged file is for the page that reads it
                self.rows(f"select 1 as may_read from {{{restricted[0]}}} limit 0")
        except StoreError as error:
            if kind_of(error) == NO_PERMISSION:
                self._counts = {name: rows for name, rows in self._counts.items() if name not in restricted}

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        """Return the rows of a query, from memory if it was asked before.

        Args:
            query: SQL in which `{mart_top_rated}` stands for that mart, and `?` for a parameter.
            parameters: The values of the parameters, or one mapping of their names (`$name`) to values.

        Raises:
            StoreError: The lake cannot be read.
            TransformError: The generation has no such mart.
        """
        given = parameters[0] if parameters and isinstance(parameters[0], dict) else parameters
        key = (query, repr(given))
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        with self.cursor() as cursor:
            found = cursor.execute(self.sql(query), given)
            names = [column[0] for column in found.description]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        with self._lock:
            self._answers[key] = rows
            if len(self._answers) > ANSWERS:
                self._answers.popitem(last=False)
        return rows

    def sql(self, query: str) -> str:
        """Return a query with the files of each mart in the place of `{mart}`. Raises as `rows`."""
        return query.format_map(_Scans(self.marts))

    def cursor(self) -> _Cursor:
        """Return a cursor of DuckDB for one thread, as a context manager that raises DuckDB's errors as StoreError."""
        return _Cursor(self._connection.cursor())


class _Scans(dict[str, str]):
    """The files of each mart, as SQL has them after `from`."""

    def __init__(self, marts: Marts) -> None:
        super().__init__()
        self._marts = marts

    def __missing__(self, name: str) -> str:
        return self._marts.scan(name)


class _Cursor:
    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        return self._cursor

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._cursor.close()
        if isinstance(error, duckdb.IOException):
            raise StoreError("read", "marts", str(error).splitlines()[0]) from error


class Lake:
    """A lake, and the snapshot of what it shows now.

    Attributes:
        place: Where it is, for people.
        problem: Why the pointer could not be read at the last try, None if it could. The snapshot is then the last one
            that could be opened.
    """

    def __init__(self, store: ReadableStore) -> None:
        self.place = place_of(store)
        self.problem: Exception | None = None
        self._store = store
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._opened = self._asked = float("-inf")

    def current(self) -> Snapshot:
        """Return the snapshot of what readers have now.

        Raises:
            NotPublishedError: Nothing is published, and no snapshot is open.
            StoreError, DocumentError: The lake cannot be read, and no snapshot of it is open.
        """
        with self._lock:
            now = time.monotonic()
            if self._snapshot is not None and now - self._asked < POINTER_SECONDS:
                return self._snapshot
            try:
                marts = open_marts(self._store)
                if self._is_new(marts, now):
                    self._snapshot, self._opened = Snapshot(marts), now
                self.problem = None
            except (StoreError, DocumentError, NotPublishedError) as error:  # a disk that is away has no marts either
                if self._snapshot is None:
                    raise
                self.problem = error
            self._asked = time.monotonic()
            assert self._snapshot is not None  # noqa: S101 - it was opened just now, or before
            return self._snapshot

    def _is_new(self, marts: Marts, now: float) -> bool:
        shown = self._snapshot
        return shown is None or shown.generation != marts.generation.generation or now - self._opened > REOPEN_SECONDS


@cache
def lake_at(uri: str) -> Lake:
    """Return the lake at a URI, one for all viewers. Raises: StoreError, if the URI is none of a lake."""
    # Streamlit Community Cloud runs app.py itself. An extension that is missing is an error of the first query.
    with suppress(ExtensionError, OSError):
        link_extensions(read_settings().gamelake_duckdb_extensions)
    return Lake(open_readable(uri))

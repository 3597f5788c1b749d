"""Connects dbt's DuckDB with the project: the scratch file, the store as boto3 reaches it, and the generation to build.

    dbt build                                    the newest day that was loaded
    dbt build --vars 'as_of: 2026-11-21'         that day, from the manifests as they stood
    dbt test, dbt docs generate, ...             the generation that the scratch file was built from, else the published
    dbt source freshness                         the published one

Named in dbt/profiles.yml; the macros read the DuckDB variable `generation`. A generation that is opened here is built
beside the published ones: only the DAG `transform` publishes.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.plugins import BasePlugin

from gamelake.errors import is_explained
from gamelake.lake.querying import configure, quoted, renew, settings
from gamelake.marts.documents import INPUTS, RESTRICTED
from gamelake.marts.profiles import FILE, Profiler
from gamelake.marts.scratch import check_database, wait_for_lock
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from duckdb import DuckDBPyConnection

    from gamelake.lake.reach import Credentials
    from gamelake.lake.store import ReadableStore, Store

_BUILDING = {"build", "run"}
_WRITING = _BUILDING | {"run-operation"}  # that of Spark's files


class Plugin(BasePlugin):
    """Prepares each connection and each cursor; dbt makes one of these objects for each process."""

    _generation: str | None = None
    _store: Store | None = None
    _credentials: Credentials | None = None
    _named: str | None = None
    _profiler: Profiler | None = None

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Open the scratch file that GAMELAKE_DUCKDB names, once no other process has it.

        The profile has the file's name alone: dbt-duckdb reads a whole path as a URL, and would cut it at `#` or `?`.
        """
        with _dbt_errors():
            config.update(settings())
            path = read_settings().gamelake_duckdb
            check_database(path)
            wait_for_lock(path, config, _say)
        self._named, creds.path = creds.path, str(path)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Let a connection reach the store and the CDN; open a generation if dbt builds and none is open."""
        from dbt.flags import get_flags

        from gamelake.lake.factory import lake_uri, open_store
        from gamelake.lake.https import open_cdn

        if self._named is not None and self.creds is not None:
            self.creds.path = self._named  # by which dbt knows the profile again
        flags = get_flags()  # type: ignore[no-untyped-call]
        with _dbt_errors():
            self._store = open_store(lake_uri())
            sources = open_cdn()
            if sources is not None:
                configure(conn, sources)
            self._credentials = configure(conn, self._store)
            if flags.WHICH in _BUILDING and flags.TARGET_PATH and self._profiler is None:
                is_local = sources is None and self._store.uri.startswith("file:")
                self._profiler = _start_profiler(Path(flags.TARGET_PATH), is_local=is_local)
            if given := read_settings().gamelake_generation:
                self._generation = given
            elif flags.WHICH in _BUILDING:
                self._generation = _open_generation(self._store, sources, (flags.VARS or {}).get("as_of"))
            else:
                self._generation = _generation_to_read(self._store, conn, published=flags.WHICH == "freshness")
            if flags.WHICH in _WRITING and self._generation and Path(self._generation, INPUTS).exists():
                Path(self._generation, RESTRICTED).mkdir(exist_ok=True)  # DuckDB makes no folder

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Name the generation to the macros, and give DuckDB the credentials that boto3 has renewed."""
        if self._store is not None:
            with _dbt_errors():
                self._credentials = renew(cursor, self._store, self._credentials)
        if self._generation:
            cursor.execute(f"set variable generation = {quoted(self._generation.rstrip('/'))}")
        if self._profiler is not None:
            self._profiler.watch(cursor)


def _start_profiler(target: Path, *, is_local: bool) -> Profiler:
    """Start to profile the models and tests, and let dbt tell of its queries. `is_local`: all files are on a disk."""
    from dbt_common.events.event_manager_client import add_callback_to_manager

    target.mkdir(parents=True, exist_ok=True)
    profiler = Profiler(target / FILE, is_local=is_local)
    add_callback_to_manager(profiler)
    return profiler


def _open_generation(store: Store, sources: ReadableStore | None, as_of: object) -> str:
    """Open a generation of a Korean day; if that is None, of the newest that was loaded. Returns: where it is."""
    from gamelake.days import parse_day
    from gamelake.marts.commits import newest_day
    from gamelake.marts.generation import open_generation
    from gamelake.registry import load_entities

    entities = load_entities()
    day = newest_day(sources or store, entities) if as_of is None else parse_day(str(as_of), "var as_of")
    return store.url(open_generation(store, entities, day=day, run_id="dbt", sources=sources))


def _generation_to_read(store: Store, conn: DuckDBPyConnection, *, published: bool) -> str | None:
    """Return the URL of the generation for a command that builds nothing; None if there is none.

    It is the one that the tables of the scratch file were built from, or, if `published`, the one that readers have.
    """
    import duckdb

    from gamelake.lake.store import ObjectNotFoundError
    from gamelake.marts.documents import INPUTS
    from gamelake.marts.pointer import current

    if not published:
        # Not of another lake, nor one that the audit has removed: then the published one is the next best.
        with suppress(duckdb.CatalogException, ObjectNotFoundError):
            (url,) = conn.execute("select url from inputs.generation").fetchone() or ("",)
            place = store.url("marts")
            if url.startswith(f"{place}/"):
                store.info(f"marts{url.removeprefix(place)}/{INPUTS}")
                return str(url)
    shown = current(store)
    return store.url(shown.generation) if shown else None


def _say(line: str) -> None:
    from dbt.adapters.events.logging import AdapterLogger

    AdapterLogger("gamelake").warning(line)


@contextmanager
def _dbt_errors() -> Iterator[None]:
    """Raise the project's errors as dbt's, which it shows without a traceback."""
    from dbt_common.exceptions import DbtRuntimeError

    try:
        yield
    except Exception as error:
        if not is_explained(error):
            raise
        raise DbtRuntimeError(str(error)) from error

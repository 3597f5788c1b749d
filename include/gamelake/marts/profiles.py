"""What each model and test of a build takes, and the plan of each model as DuckDB ran it.

dbt_plugin.py starts a `Profiler` in the process of dbt. It writes a line for each node:

    target/profiles.jsonl   Profile, one line for each node, in the order of their ends

The task that runs dbt reads them with dbt's results, and keeps both in the generation: see build_results.py.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gamelake.marts.documents import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

FILE = "profiles.jsonl"

_MOST_TEXT = 160
_DETAILS = (
    "Join Type",
    "Conditions",
    "Condition",
    "Expression",
    "Order By",
    "Groups",
    "Filters",
    "Scanning Files",
    "Total Files Read",
)
"""What is kept of an operator's description, in this order. The rest repeats the SQL."""
_MODEL = "model."
_LEAST_SHARE = 0.05
"""A projection that took a smaller share of the time is left out of a plan: it computes columns and nothing else."""
_SINKS = frozenset({"COPY_TO_FILE", "CREATE_TABLE_AS", "BATCH_COPY_TO_FILE", "BATCH_CREATE_TABLE_AS", "INSERT"})
"""Operators that write what the one below them returns."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one model or test took. Only a model that wrote rows has the figures and operators of DuckDB."""

    node: str
    """dbt's id of the node, such as `model.gamelake.dim_games`."""
    cpu_seconds: float
    bytes_read: int | None
    rows: int | None = None
    memory_bytes: int | None = None
    spilled_bytes: int | None = None
    operators: tuple[Operator, ...] = ()


class _Usage(NamedTuple):
    """What a thread has used: CPU seconds, and bytes that it read; None if the system does not count them."""

    cpu: float
    bytes_read: int | None


class Profiler:
    """Profiles each node. dbt calls it with each of its events, in the thread of the node.

    DuckDB has one thread for each of dbt's (profiles.yml), so what the thread uses is what the node uses. A profile
    that cannot be taken is left out: it must not fail a build.

    Args:
        path: The file to write.
        is_local: Whether all files are on a disk; what comes over a network is not counted.
    """

    def __init__(self, path: Path, *, is_local: bool) -> None:
        self._is_local = is_local
        self._lock = threading.Lock()
        self._of_thread = threading.local()
        self._path = path
        path.unlink(missing_ok=True)

    def watch(self, cursor: DuckDBPyConnection) -> None:
        """Profile the queries of a cursor if they are those of a model; the thread that uses it has to call this."""
        self._of_thread.cursor = None
        if getattr(self._of_thread, "node", "").startswith(_MODEL):
            cursor.execute("set enable_profiling = 'no_output'")
            self._of_thread.cursor = cursor

    def __call__(self, event: Any) -> None:
        """Note the start of a node, take the profile of the query that writes its rows, and write both at its end."""
        try:
            self._note(event)
        except Exception as error:  # noqa: BLE001 - any: dbt would let the node fail
            log.warning("a node has no profile: %s: %s", type(error).__name__, error)

    def _note(self, event: Any) -> None:
        if event.info.name == "NodeStart":
            self._of_thread.node = event.data.node_info.unique_id
            self._of_thread.began, self._of_thread.written = _used(), None
        elif event.info.name == "SQLQueryStatus":
            self._take()
        elif event.info.name == "NodeFinished":
            self._end(event.data.node_info.unique_id)

    def _take(self) -> None:
        """Keep the profile of the newest query of this thread, if it wrote rows and took longer than another one."""
        cursor, known = getattr(self._of_thread, "cursor", None), getattr(self._of_thread, "written", None)
        if cursor is not None:
            found = msgspec.json.decode(cursor.get_profiling_information())
            wrote = (roots := found.get("children")) and roots[0]["operator_type"] in _SINKS
            if wrote and (known is None or found["latency"] > known["latency"]):
                self._of_thread.written = found

    def _end(self, node: str) -> None:
        began = getattr(self._of_thread, "began", None)
        if began is None:
            return
        used, written = _used(), self._of_thread.written
        is_counted = self._is_local and used.bytes_read is not None and began.bytes_read is not None
        read = used.bytes_read - began.bytes_read if is_counted else None
        cpu = round(used.cpu - began.cpu, 4)
        profile = Profile(node=node, cpu_seconds=cpu, bytes_read=read, **(_figures(written) if written else {}))
        with self._lock, self._path.open("ab") as file:
            file.write(msgspec.json.encode(profile) + b"\n")


def read(target: Path) -> dict[str, Profile]:
    """Return the profiles that dbt left in its target folder, by dbt's id of the node; none if there is no file."""
    path, found = target / FILE, {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            profile = msgspec.json.decode(line, type=Profile)
        except msgspec.MsgspecError as error:  # dbt was killed while it wrote the line
            log.warning("%s: a line is left out: %s", path, error)
        else:
            found[profile.node] = profile
    return found


def _used() -> _Usage:
    """Return what this thread has used. Linux counts the bytes that a thread read."""
    try:
        lines = Path("/proc/thread-self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    read = next((int(line.removeprefix("rchar: ")) for line in lines if line.startswith("rchar: ")), None)
    return _Usage(time.thread_time(), read)


def _figures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return DuckDB's figures of a query that wrote rows."""
    (root,) = found["children"]
    return {
        "rows": sum(each["operator_cardinality"] for each in root["children"]),
        "memory_bytes": found["system_peak_buffer_memory"],
        "spilled_bytes": found["system_peak_temp_dir_size"],
        "operators": tuple(_operators(root, 0, found["cpu_time"] * _LEAST_SHARE)),
    }


def _operators(found: Mapping[str, Any], depth: int, least: float) -> Iterator[Operator]:
    """Yield an operator and those below it; a projection that took less than `least` seconds is left out."""
    is_shown = found["operator_type"] != "PROJECTION" or found["operator_timing"] >= least
    if is_shown:
        yield Operator(
            depth=depth,
            name=found["operator_name"].strip(),
            target=_target(found["extra_info"]),
            detail=_detail(found["extra_info"]),
            rows=found["operator_cardinality"],
            rows_scanned=found["operator_rows_scanned"],
            seconds=round(found["operator_timing"], 4),
        )
    for each in found["children"]:
        yield from _operators(each, depth + is_shown, least)


def _target(described: Mapping[str, Any]) -> str:
    """Return what a scan reads: `stg_run`, `dim_games`, `igdb.games`. The names of files differ in each build."""
    if "Table" in described:
        return str(described["Table"]).replace('"', "").removeprefix("gamelake.main.").removeprefix("gamelake.")
    files = described.get("Filename(s)", [])
    names = {_source_of(file) for file in ([files] if isinstance(files, str) else files)}
    return _cut(", ".join(sorted(names)))


def _source_of(file: str) -> str:
    if found := re.search(r"/raw/([^/]+)/([^/]+)/", file):
        return ".".join(found.groups())
    if found := re.search(r"/marts/history/([^/]+)/", file):
        return found[1]
    return file.rpartition("/")[2].partition(".")[0].partition("=")[0]


def _detail(described: Mapping[str, Any]) -> str:
    told = ((name, described[name]) for name in _DETAILS if described.get(name))
    texts = [f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in told]
    return _cut("; ".join(texts))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"

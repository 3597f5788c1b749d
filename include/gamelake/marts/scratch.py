"""The database file of a build: scratch that any worker may lose. Refuses an unusable path, and waits for a lock.

DuckDB lets one process write a file. Another one, such as a manual build, waits. Every other failure to open the file
is raised at once, because the next try would fail too.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOCKED = "Conflicting lock"
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_WAITS = (1, 2, 4, 8, 15, 30, 60, 60, 60)
"""Seconds before each next try: longer in total than a build of all games."""


class ScratchError(Exception):
    """The database file cannot be opened; the message names it and what to do."""


def check_database(path: Path) -> None:
    """Make the database's folder, and refuse a path that dbt could not open later. Raises: ScratchError."""
    if found := re.search(r"[^\w.-]", path.name):
        raise ScratchError(
            f"GAMELAKE_DUCKDB: found {found[0]!r} in the file's name {path.name!r}, which dbt cannot read there; "
            "expected letters, digits and any of . - _, such as gamelake.duckdb. A folder may have any name without a ?"
        )
    if "?" in str(path.parent):
        raise ScratchError(
            f"GAMELAKE_DUCKDB: found '?' in the folder {path.parent}, at which DuckDB cuts the name of its log; "
            f"name a file in another folder by GAMELAKE_DUCKDB"
        )
    way = "; name a file in a folder that this user may write"
    if os.environ.get("GAMELAKE_DUCKDB"):
        way += ", or unset GAMELAKE_DUCKDB"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScratchError(f"GAMELAKE_DUCKDB: cannot make the folder {path.parent}: {error.strerror}{way}") from error
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a device"
        raise ScratchError(f"GAMELAKE_DUCKDB: {path} is {what}, expected a file{way}")
    for each in (path.parent, *([path] if path.exists() else [])):
        if not os.access(each, os.W_OK):
            raise ScratchError(f"GAMELAKE_DUCKDB: no right to write {each}{way}")


def check_free(path: Path) -> None:
    """Open the database once. Raises: ScratchError, if another process has it open, or it is no database."""
    wait_for_lock(path, {}, lambda _: None, waits=())


def wait_for_lock(
    path: Path, config: Mapping[str, Any], say: Callable[[str], None], *, waits: Sequence[int] = _WAITS
) -> None:
    """Wait while another process has the database open, and say for whom. `config`: as it will be opened.

    Raises: ScratchError, if it is locked for minutes, or cannot be opened for any other reason.
    """
    import duckdb  # the DAG processor reads this module and needs no database

    for wait in (*waits, None):
        try:
            duckdb.connect(str(path), config=dict(config)).close()
        except duckdb.Error as error:
            if _LOCKED not in str(error):
                # Nothing is lost with it: every build makes its content again from the lake.
                hint = "; remove the file, the build makes it again" if path.is_file() else ""
                raise ScratchError(f"{path}: {error}{hint}") from error
            holder = _HOLDER.search(str(error))
            who = f"{holder['program']} (process {holder['pid']})" if holder else "another process"
            if wait is None:
                still = f"still open in {who} after {sum(waits)} s" if waits else f"open in {who}"
                raise ScratchError(
                    f"{path}: {still}; end that process or wait for it, or give this build "
                    f"a file of its own by GAMELAKE_DUCKDB"
                ) from error
            say(f"{path} is open in {who}: waiting for it, next look in {wait} s")
            time.sleep(wait)
        else:
            return

"""Finds the days of the history that cannot be built, so that they do not stop the nights after them.

A night whose build failed leaves its day unbuilt, and the next night builds it too. Here such a past day is checked
first: its parts are as the manifest names them, can be read, and would pass the test of their own night. A day that
does not is left out of the build and of its listing, with the reason, and is checked again the next night. The newest
day is not checked: what is wrong with it fails its own night.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.lake.store import ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.lake.files import File
    from include.lake.store import ReadableStore
    from include.transform.history import Day

log = logging.getLogger(__name__)

MAX_SHARE = 0.001
"""As the test `unusable_popularity_values` of dbt/models/staging/igdb/stg_popscore.yml: a row and this share may be."""

_READ = """
    create table rows_found as
    select
        id,
        cast(left(parse_filename(filename), 5) as integer) as ordinal,
        -- as is_usable in dbt/macros/describe_popularity.sql
        coalesce(game_id is not null and popularity_type is not null and abs(value) < 1e300, false) as is_usable
    from read_json(
        ?,
        columns = {id: 'bigint', game_id: 'bigint', popularity_type: 'bigint', value: 'double'},
        format = 'newline_delimited', maximum_object_size = 16777216, filename = true
    )
    where id is not null
"""
_COUNT = """
    select count(*), count(*) filter (
        where not is_usable
        and not exists (
            from claims
            where claims.ordinal > found.ordinal and found.id >= low and (high is null or found.id < high)
        )
        and not exists (from rows_found as newer where newer.id = found.id and newer.ordinal > found.ordinal)
    )
    from rows_found as found
"""

_CHUNK = 1 << 20


class _UnreadableError(Exception):
    """Why a day cannot be read."""


def leave_out(store: ReadableStore, days: Sequence[Day]) -> tuple[list[Day], list[dict[str, str]]]:
    """Take the past days that cannot be built from the days of a build, with a warning for each.

    Args: `store` holds the parts.
    Returns: the days that are left, and `day`, `key` and `reason` of the others. Raises: StoreError.
    """
    kept, left_out = [], []
    for number, day in enumerate(days):
        reason = None if day.built or number == len(days) - 1 else _why_unbuildable(store, day)
        if reason is None:
            kept.append(day)
        else:
            left_out.append({"day": day.day, "key": day.key, "reason": reason})
    warn(left_out)
    return kept, left_out


def warn(left_out: Sequence[Mapping[str, Any]]) -> None:
    """Log a warning for each day that is left out."""
    for each in left_out:
        log.warning("the history of popularity is without %s: %s", each["day"], each["reason"])


def _why_unbuildable(store: ReadableStore, day: Day) -> str | None:
    """In words; None if nothing is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{ordinal:05}.jsonl.gz" for ordinal in range(len(day.files))]
        try:
            for file, path in zip(day.files, paths, strict=True):
                _fetch(store, file, path)
            found, unusable = _count(day.files, paths)
        except _UnreadableError as error:
            return str(error)
    if found != (expected := sum(file.rows for file in day.files)):
        return f"its parts have {found} rows, the manifest says {expected}"
    if unusable > 1 + MAX_SHARE * found:
        return (
            f"{unusable} of its {found} rows have no game, type or value, more than {MAX_SHARE:.1%}: the test "
            "unusable_popularity_values failed its own night"
        )
    return None


def _fetch(store: ReadableStore, file: File, path: Path) -> None:
    """Copy a part to this disk. Raises: _UnreadableError when it is missing or is not what the manifest names."""
    digest = hashlib.sha256()
    try:
        with store.open(file.key) as part, path.open("wb") as copy:
            while chunk := part.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
    except ObjectNotFound:
        raise _UnreadableError(f"its part {file.key} is missing") from None
    if digest.hexdigest() != file.sha256:
        size = path.stat().st_size
        raise _UnreadableError(
            f"its part {file.key} is damaged: found {size} bytes with the sha256 {digest.hexdigest()[:12]}…, expected "
            f"{file.bytes} with {file.sha256[:12]}…"
        )


def _count(files: Sequence[File], paths: Sequence[Path]) -> tuple[int, int]:
    """Rows of the parts; and how many of those that count have no game, type or value.

    As in dbt/macros/current_rows.sql, a row counts if no newer part claims its id or has it.
    Raises: _UnreadableError when DuckDB cannot read them.
    """
    import duckdb  # the DAG processor reads what imports this module, and needs no database

    claims = [(ordinal, claim.low, claim.high) for ordinal, file in enumerate(files) for claim in file.claims]
    with duckdb.connect(config={"memory_limit": "500MB"}) as database:
        database.execute("create table claims (ordinal integer, low bigint, high bigint)")
        if claims:
            database.executemany("insert into claims values (?, ?, ?)", claims)
        try:
            database.execute(_READ, [[str(path) for path in paths]])
            counts: tuple[int, int] = database.execute(_COUNT).fetchone() or (0, 0)
        except duckdb.Error as error:
            raise _UnreadableError(f"its parts cannot be read: {str(error).splitlines()[0]}") from error
        return counts

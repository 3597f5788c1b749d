"""Reads the current rows of parts of a commit, from copies on this disk."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gamelake.lake.documents import DocumentError
from gamelake.lake.scratch import is_disk_full
from gamelake.lake.store import CHUNK, ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb

    from gamelake.lake.manifest import Part
    from gamelake.lake.months import Months
    from gamelake.lake.store import ReadableStore

_READ = """
    create table rows_found as
    select cast(left(parse_filename(filename), 5) as integer) as ordinal, {columns}
    from read_json(
        ?,
        columns = {{{types}}},
        format = 'newline_delimited', maximum_object_size = 16777216, hive_partitioning = false, filename = true
    )
    where id is not null
"""

# As in dbt/macros/current_rows.sql: a row is current if no newer part claims its id or has it. Only ids are compared.
_CURRENT = """
    create table current_rows as
    with newest as (select id, max(ordinal) as ordinal from rows_found group by id)

    select found.* exclude (ordinal)
    from rows_found as found
    join newest on found.id = newest.id and found.ordinal = newest.ordinal
    where not exists (
        from claims
        where claims.ordinal > found.ordinal and found.id >= low and (high is null or found.id < high)
    )
"""


class UnreadableError(Exception):
    """Parts cannot be read; the message states why."""


def fetch(store: ReadableStore, files: Sequence[Part], folder: Path, *, months: Months) -> list[Path]:
    """Copy parts into a folder.

    Args:
        store: The lake.
        files: The parts.
        folder: Where to.
        months: Restores those that the file of their month has.

    Returns:
        The copies.

    Raises:
        UnreadableError: A part is missing, or differs from the manifest.
        StoreError: The lake cannot be read.
    """
    paths = [folder / f"{ordinal:05}.jsonl.gz" for ordinal in range(len(files))]
    for file, path in zip(files, paths, strict=True):
        _fetch(store, file, path, months)
    return paths


def current_rows(
    database: duckdb.DuckDBPyConnection, files: Sequence[Part], paths: Sequence[Path], columns: Mapping[str, str]
) -> int:
    """Make the table `current_rows` of the current rows of some parts.

    Args:
        database: Where to make it.
        files: The parts, in their order.
        paths: Their copies, in the same order.
        columns: The type of each column, `id` included.

    Returns:
        How many rows the parts have.

    Raises:
        UnreadableError: DuckDB cannot read a part.
    """
    import duckdb  # the DAG processor reads what imports this module, and needs no database

    types = ", ".join(f"{name}: '{type_}'" for name, type_ in columns.items())
    claims = [(ordinal, claim.low, claim.high) for ordinal, file in enumerate(files) for claim in file.claims]
    database.execute("create table claims (ordinal integer, low bigint, high bigint)")
    if claims:
        database.executemany("insert into claims values (?, ?, ?)", claims)
    try:
        if paths:
            query = _READ.format(columns=", ".join(columns), types=types)
            database.execute(query, [[str(path) for path in paths]])
        else:
            declared = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            database.execute(f"create table rows_found (ordinal integer, {declared})")
        database.execute(_CURRENT)
        (found,) = database.execute("select count(*) from rows_found").fetchone() or (0,)
    except duckdb.Error as error:
        if is_disk_full(error):
            raise
        raise UnreadableError(f"its parts cannot be read: {str(error).splitlines()[0]}") from error
    return int(found)


def _fetch(store: ReadableStore, file: Part, path: Path, months: Months) -> None:
    digest = hashlib.sha256()
    try:
        with store.open(file.key) as part, path.open("wb") as copy:
            while chunk := part.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
    except ObjectNotFoundError:
        _restore(months, file, path)
        return
    if digest.hexdigest() != file.sha256:
        size = path.stat().st_size
        raise UnreadableError(
            f"its part {file.key} is damaged: found {size} bytes with the sha256 {digest.hexdigest()[:12]}…, expected "
            f"{file.bytes} with {file.sha256[:12]}…"
        )


def _restore(months: Months, file: Part, path: Path) -> None:
    try:
        months.restore(file, path)
    except ObjectNotFoundError:
        raise UnreadableError(f"its part {file.key} is missing") from None
    except (DamagedPartError, DocumentError) as error:
        raise UnreadableError(f"its part {file.key} cannot be restored: {error}") from error

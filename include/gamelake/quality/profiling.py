"""Compute the profile of a generation: each mart is read once, by DuckDB, without a copy."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gamelake.lake.documents import DocumentError
from gamelake.lake.keys import TableName
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.lake.table import TableReader
from gamelake.marts.documents import encode, read
from gamelake.marts.reader import Marts
from gamelake.quality.profile import QUANTILES, ColumnProfile, MartProfile, Profile, TableFigures, profile_key
from gamelake.quality.watched import WatchedMart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gamelake.lake.store import Store
    from gamelake.marts.documents import Generation

log = logging.getLogger(__name__)

_MOST_VALUES = 1000
_NUMBERS = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "DOUBLE", "FLOAT"}
_TIMES = {"DATE", "TIMESTAMP"}


def profile_of(store: Store, generation: Generation, watched: Mapping[str, WatchedMart]) -> Profile:
    """Return the profile of a published generation; it is computed once, and then kept in the lake.

    Args:
        store: The lake.
        generation: The generation.
        watched: What is checked of each mart.

    Raises:
        StoreError: The lake cannot be read or written, or a file of a mart is missing or damaged.
    """
    key = profile_key(generation)
    try:
        return read(store, key, Profile)
    except ObjectNotFoundError:
        pass
    except DocumentError as error:
        log.warning("%s is made again: %s", key, error)
        profile = _profile(store, generation, watched)
        store.put(key, encode(profile))
        return profile
    profile = _profile(store, generation, watched)
    try:
        store.put(key, encode(profile), if_absent=True)
    except ObjectExistsError:  # another check was faster
        return read(store, key, Profile)
    return profile


def _profile(store: Store, generation: Generation, watched: Mapping[str, WatchedMart]) -> Profile:
    import duckdb

    with Marts(store, generation) as marts:
        # One thread: a second one of DuckDB mostly waits, and takes CPU for it.
        marts.connection.execute("set threads = 1; set memory_limit = '500MB'; set preserve_insertion_order = false")
        found = []
        for mart in generation.marts:
            try:
                found.append(_mart(marts, mart.name, watched.get(mart.name, WatchedMart())))
            except duckdb.Error as error:
                hint = "`gamelake lake audit` lists missing and damaged files"
                raise StoreError("read", mart.key, f"{str(error).splitlines()[0]}; {hint}") from error
    return Profile(
        generation=generation.generation,
        day=generation.day,
        built_at=generation.built_at,
        marts=tuple(found),
        tables=tuple(_tables(store, generation)),
    )


def _mart(marts: Marts, name: str, watched: WatchedMart) -> MartProfile:
    scan = marts.scan(name)
    columns = {column: str(kind) for column, kind, *_ in marts.connection.execute(f"describe from {scan}").fetchall()}
    asked: list[tuple[str, str]] = []
    figures: list[str] = ["count(*)"]
    for column, kind in columns.items():
        for figure, expression in _figures(f'"{column}"', kind).items():
            asked.append((column, figure))
            figures.append(expression)
    query = f"select {', '.join(figures)} from {scan}"  # noqa: S608 - the names are those of a file of our own
    rows, *answers = marts.connection.execute(query).fetchone() or (0,)
    of_column: dict[str, dict[str, Any]] = {column: {} for column in columns}
    for (column, figure), answer in zip(asked, answers, strict=True):
        of_column[column][figure] = answer
    for column in watched.thresholds.lookups:
        if column in columns:
            of_column[column]["values"] = _values(marts, scan, column, columns[column])
    return MartProfile(
        name=name,
        rows=rows,
        columns=tuple(_column(column, rows, found) for column, found in of_column.items()),
        orphans=dict(_orphans(marts, scan, columns, watched)),
    )


def _figures(column: str, kind: str) -> dict[str, str]:
    """Return the figures of a column as SQL, by name."""
    found = {"known": f"count({column})"}
    if kind.endswith("[]"):
        return found
    found["distinct"] = f"count(distinct {column})"
    if kind in _NUMBERS | _TIMES:
        number = f"epoch({column})" if kind in _TIMES else column
        if kind not in {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT"}:
            number = f"if(isfinite({number}), {number}, null)"
        found |= {"min": f"min({number})", "max": f"max({number})"}
        found["quantiles"] = f"approx_quantile({number}, {list(QUANTILES)})"
    return found


def _column(name: str, rows: int, found: Mapping[str, Any]) -> ColumnProfile:
    quantiles = found.get("quantiles")
    return ColumnProfile(
        name=name,
        nulls=rows - found["known"],
        distinct=found.get("distinct"),
        min=_float(found.get("min")),
        max=_float(found.get("max")),
        quantiles=tuple(map(float, quantiles)) if quantiles and None not in quantiles else None,
        values=found.get("values"),
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _values(marts: Marts, scan: str, column: str, kind: str) -> dict[str, int]:
    each = f'unnest("{column}")' if kind.endswith("[]") else f'"{column}"'
    query = f"""
        select value::varchar, count(*) from (select {each} as value from {scan})
        where value is not null group by value order by count(*) desc, value limit {_MOST_VALUES}
    """  # noqa: S608 - the names are those of a file of our own
    return dict(marts.connection.execute(query).fetchall())


def _orphans(marts: Marts, scan: str, columns: Mapping[str, str], watched: WatchedMart) -> Iterator[tuple[str, int]]:
    published = {each.name for each in marts.generation.marts}
    for column, (parent, key) in watched.references.items():
        if column in columns and parent in published:
            query = f'select count(*) from {scan} as child anti join {marts.scan(parent)} as parent on child."{column}" = parent."{key}" where child."{column}" is not null'  # noqa: S608, E501
            (orphans,) = marts.connection.execute(query).fetchone() or (0,)
            yield column, orphans


def _tables(store: Store, generation: Generation) -> Iterator[TableFigures]:
    """Yield the figures of the commits that the generation shows. A lost or damaged one is left out with a warning."""
    for name, version in sorted(generation.sources.items()):
        table = TableName(*name.split("."))
        try:
            commit = TableReader(store, table).read(version)
        except (ObjectNotFoundError, DocumentError) as error:
            log.warning("%s: version %d is left out: %s", name, version, error)
            continue
        yield figures(commit)


def figures(commit: Any) -> TableFigures:
    """Return the figures of a commit."""
    return TableFigures(
        table=str(commit.table),
        version=commit.version,
        partition=commit.partition,
        rows=commit.row_count,
        newest=max((part.max_updated_at for part in commit.files if part.max_updated_at is not None), default=None),
    )

"""Rows as files to download: CSV that a spreadsheet opens safely, and Parquet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row, Snapshot

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins with one of these for a formula."""


def as_csv(rows: list[Row], columns: list[str]) -> bytes:
    """Return rows as CSV with a byte order mark, without which Excel does not read Korean.

    The items of a list are joined by `; `. A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(str(each) for each in value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def as_parquet(snapshot: Snapshot, mart: str, key: str, rows: list[Row]) -> bytes:
    """Return the rows of a mart as they are in its file, as Parquet.

    Args:
        snapshot: The generation.
        mart: The name of the mart.
        key: The column that tells its rows apart.
        rows: The rows to keep, in their order.

    Raises: StoreError.
    """
    import pyarrow.parquet  # only a download needs it

    keys = [row[key] for row in rows]
    query = f"""
        from {{{mart}}}
        where {key} in (select unnest($keys::bigint[]))
        order by list_position($keys::bigint[], {key})
    """
    with snapshot.cursor() as cursor:
        table = cursor.execute(snapshot.sql(query), {"keys": keys}).to_arrow_table()
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def columns_of(rows: list[Row], *, without: tuple[str, ...] = ()) -> list[str]:
    """Return the columns of rows, except those that the page added."""
    return [column for column in rows[0] if column not in without] if rows else []

"""What a Parquet file is: its rows, size, hash and metadata."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.lake.store import CHUNK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import ReadableStore


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """`rows` as its footer states, size in `bytes`, `sha256`, and the `notes` in its metadata."""

    rows: int
    bytes: int
    sha256: str
    notes: Mapping[str, str]


def inspect_parquet(store: ReadableStore, key: str) -> ParquetFile:
    """Read a Parquet file once, through a copy on disk.

    Raises:
        ObjectNotFoundError: There is no such file.
        StoreError: The file cannot be read.
    """
    import duckdb  # the DAG processor reads this module and needs no database

    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy, store.open(key) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        query = "select num_rows from parquet_file_metadata(?)"
        (rows,) = duckdb.execute(query, [copy.name]).fetchone() or (0,)
        query = "select decode(key), decode(value) from parquet_kv_metadata(?)"
        notes = dict(duckdb.execute(query, [copy.name]).fetchall())
        return ParquetFile(rows, copy.tell(), digest.hexdigest(), notes)

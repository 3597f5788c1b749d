"""What a Parquet file is: its rows, size, hash and metadata."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.lake.scratch import scratch_folder
from gamelake.lake.store import CHUNK, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import ReadableStore

_DISK = "A build keeps a copy of one mart at a time there: free space, or set TMPDIR to another folder"


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
        StoreError: The file cannot be read, or the temporary folder is full.
    """
    import duckdb  # the DAG processor reads this module and needs no database

    digest, size = hashlib.sha256(), 0
    with scratch_folder(_DISK, done="nothing was published") as folder:
        path = folder / "copy.parquet"
        with store.open(key) as file, path.open("wb") as copy:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += copy.write(chunk)
        try:
            query = "select num_rows from parquet_file_metadata(?)"
            (rows,) = duckdb.execute(query, [str(path)]).fetchone() or (0,)
            query = "select decode(key), decode(value) from parquet_kv_metadata(?)"
            notes = dict(duckdb.execute(query, [str(path)]).fetchall())
        except duckdb.Error as error:
            raise StoreError("read", key, f"it is no Parquet file, or damaged: {error}; build again") from error
        return ParquetFile(rows, size, digest.hexdigest(), notes)

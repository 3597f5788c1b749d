"""The parts of games under other compressions: CPU seconds to write, CPU seconds for DuckDB to read, and bytes."""

from __future__ import annotations

import gzip
import resource
import shutil
import statistics
import subprocess
import zlib
from typing import TYPE_CHECKING

import duckdb
from isal import isal_zlib

from gamelake.lake.factory import open_store
from gamelake.lake.table import Table
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WAYS = [
    ("isal", 0),
    ("isal", 1),
    ("isal", 2),
    ("isal", 3),
    ("zlib", 1),
    ("zlib", 6),
    ("zstd", 1),
    ("zstd", 3),
    ("zstd", 6),
]
_CHUNK = 1 << 20  # as a part is written
_GZIP = 31
_TIMES = 3


def compare(lake: Path, folder: Path) -> None:
    """Write the newest games of a lake again in each way, and let DuckDB read every declared column of them.

    zstd is the command of that name; without it these ways are left out.
    """
    games = load_sources()["igdb"].entities["games"]
    manifest = Table(open_store(lake.as_uri()), games.table).latest()
    assert manifest is not None  # noqa: S101 - day_lake has committed it
    columns = ", ".join(f"{name}: '{kind.duckdb}'" for name, kind in games.fields.items())
    counts = ", ".join(f'count("{name}")' for name in games.fields)
    work = folder / "parts"
    for way, level in WAYS:
        if way == "zstd" and not shutil.which("zstd"):
            continue
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        wrote, plain = 0.0, 0
        for number, file in enumerate(manifest.files):
            content = gzip.decompress((lake / file.key).read_bytes())
            plain += len(content)
            began = _cpu()
            _write(content, work / f"{number}.jsonl", way, level)
            wrote += _cpu() - began
        query = (
            f"select {counts} from read_json({sorted(map(str, work.iterdir()))}, columns = {{{columns}}}, "  # noqa: S608
            "format = 'newline_delimited', maximum_object_size = 16777216)"
        )
        read = statistics.median(_read(query) for _ in range(_TIMES))
        size = sum(path.stat().st_size for path in work.iterdir())
        print(
            f"  {way} {level}: write {wrote:5.2f} CPU s, read {read:5.2f} CPU s, {size / 1e6:6.1f} MB "
            f"of {plain / 1e6:.0f} MB",
            flush=True,
        )
    shutil.rmtree(work)


def _write(content: bytes, path: Path, way: str, level: int) -> None:
    if way == "zstd":
        command = ["zstd", "-q", f"-{level}", "-T1", "-o", f"{path}.zst"]
        subprocess.run(command, input=content, check=True)  # noqa: S603 - the command of WAYS
        return
    compressor = (isal_zlib if way == "isal" else zlib).compressobj(level, zlib.DEFLATED, _GZIP)
    with path.with_suffix(".jsonl.gz").open("wb") as part:
        part.writelines(compressor.compress(chunk) for chunk in _chunks(content))
        part.write(compressor.flush())


def _chunks(content: bytes) -> Iterable[bytes]:
    return (content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))


def _read(query: str) -> float:
    began = _cpu()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(query).fetchall()
    return _cpu() - began


def _cpu() -> float:
    """CPU seconds of this process and of those that it waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)

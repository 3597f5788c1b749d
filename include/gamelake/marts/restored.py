"""Restores the parts that a build reads and that compaction has removed: dbt reads JSONL by URL.

    marts/_restored/<build>/raw/igdb/popscore/dt=2026-06-01/<run>/part-00000.jsonl.gz

They lie beside the generations, in a folder of the build, and the transform removes them when it has ended; the audit
removes what a killed one left. A build needs them only if it builds old days of the history again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.days import format_day
from gamelake.lake.findings import RETENTION
from gamelake.lake.keys import TableName
from gamelake.lake.months import Months
from gamelake.lake.scratch import scratch_folder
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import open_table
from gamelake.lake.uploads import DamagedPartError
from gamelake.marts.errors import TransformError
from gamelake.paths import airflow_command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import ReadableStore, Store

RESTORED = "marts/_restored/"

_DISK = "A build keeps the file of one compacted month at a time there: free space, or set TMPDIR to another folder"
_FULL_REFRESH = '{"full_refresh": true}'


def restore_parts(
    store: Store, sources: ReadableStore, files: Sequence[Part], *, day: date, build: str
) -> dict[str, str]:
    """Check that the parts that a build reads exist, and restore those that the file of their month has.

    Args:
        store: Where marts are written.
        sources: The lake that has the tables.
        files: The parts.
        day: The Korean day that is built.
        build: The id of the build.

    Returns:
        The URL of each restored part, by the key of the part.

    Raises:
        TransformError: A part is missing, or the file of its month is damaged.
        MonthError: The document of a month is damaged.
        StoreError: A lake cannot be read or written, or the temporary folder is full.
    """
    removed = [file for file in files if not _exists(sources, file.key)]
    urls: dict[str, str] = {}
    missing: list[str] = []
    if removed:
        with scratch_folder(_DISK, done="nothing was built") as folder, Months(sources, folder) as months:
            path = folder / "part.jsonl.gz"
            for file in sorted(removed, key=lambda each: each.partition):
                try:
                    months.restore(file, path)
                except ObjectNotFoundError:
                    missing.append(file.key)
                    continue
                except DamagedPartError as error:
                    raise TransformError(f"{format_day(day)} cannot be built: {error}") from error
                key = f"{RESTORED}{build}/{file.key}"
                store.put_file(key, path)
                urls[file.key] = store.url(key)
    if missing:
        raise TransformError(
            f"{format_day(day)} cannot be built: {len(missing)} of the parts that it reads are missing, such as "
            f"{missing[0]}. {_remedy(sources, missing)}"
        )
    return urls


def _remedy(sources: ReadableStore, missing: Sequence[str]) -> str:
    """Return what to do about missing parts: those that newest commits name do count, and were lost."""
    names = sorted({name for key in missing if (name := TableName.of_key(key))})
    commits = [commit for name in names if (commit := open_table(sources, name).latest())]
    lost = [commit.table for commit in commits if {file.key for file in commit.files}.intersection(missing)]
    if not lost:
        return f"Parts that no longer count are kept for {RETENTION.days} days; build a later day"
    trigger = f"{airflow_command()} dags trigger"
    loads = "; ".join(f"`{trigger} {each.source}_{each.entity} --conf '{_FULL_REFRESH}'`" for each in lost)
    return (
        f"The newest commits of {', '.join(map(str, lost))} name them: restore them from a backup or the bucket's "
        f"versions (docs/guides/runbooks/documents-are-damaged.md), or read these tables whole again: {loads}. Then "
        "clear the failed task"
    )


def remove_restored(store: Store, build: str) -> int:
    """Remove what was restored for a build. Return how many objects.

    Raises:
        StoreError: The lake cannot be read or written.
    """
    keys = [info.key for info in store.list(f"{RESTORED}{build}/")]
    for key in keys:
        store.delete(key)
    return len(keys)


def _exists(store: ReadableStore, key: str) -> bool:
    try:
        store.info(key)
    except ObjectNotFoundError:
        return False
    return True

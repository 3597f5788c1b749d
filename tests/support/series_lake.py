"""A time series of several days, committed by the product's own code, with rows as IGDB sends them and odd ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import orjson

from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store

POPSCORE = load_sources()["igdb"].entities["popscore"]
DAYS = [date(2026, 8, 30) + timedelta(days=each) for each in range(5)]
"""Two days of August and three of September."""
LATER = datetime.combine(date(2026, 10, 10), time(), UTC)
"""When August is compacted, and September is not yet."""


def rows_of(day: date, *, odd: bool = True) -> list[dict[str, Any]]:
    """The rows of a day."""
    number = day.toordinal() - DAYS[0].toordinal()
    rows: list[dict[str, Any]] = [
        {
            "id": row_id,
            "game_id": row_id,
            "popularity_type": 3,
            "popularity_source": 121,
            "value": (row_id + number) / 7 if row_id % 2 else row_id + number,
            "calculated_at": 1788000000 + 86400 * number,
            "checksum": f"{row_id:08}-aaaa",
            "external_popularity_source": 121,
        }
        for row_id in range(1, 8)
    ]
    if odd:
        rows[1]["field_of_tomorrow"] = {"name": "🎮", "of": [1.0, None]}
        rows[2]["value"] = 1e22
        rows[3]["popularity_source"] = None
        rows[4]["checksum"] = "한글 \u2028 \0"
        rows[5]["created_at"] = 2**63 - 1
    return rows


def load_day(
    store: Store,
    scratch: Path,
    day: date,
    rows: Sequence[dict[str, Any]] | None = None,
    *,
    run_id: str = "run",
    deleted: IdRange | None = None,
) -> tuple[Part, ...]:
    """Commit a day: all rows but the last in one part, which claims every id, and the last in a second one.

    deleted: ids of the first part that a further part without rows claims.
    """
    found = rows_of(day) if rows is None else rows
    with PartStage(store, LoadRun(POPSCORE.table, str(day), run_id), scratch=scratch) as stage:
        for some, claim in ((found[:-1], IdRange(0, None)), (found[-1:], None)):
            lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in some)
            stage.add(Rows(lines, [row["id"] for row in some], None), claim)
        if deleted:
            stage.add(Rows(b"", [], None), deleted)
        files = stage.finish()
    Table(store, POPSCORE.table).commit(
        lambda newest: Draft(
            run_id=run_id,
            partition=str(day),
            mode=Mode.SNAPSHOT,
            cursor=None,
            source_count=len(found),
            row_count=len(found),
            files=merge_parts(newest.files if newest else (), files, per_partition=True),
        )
    )
    return files


def load_days(store: Store, scratch: Path, days: Iterable[date] = DAYS) -> None:
    """Commit some days."""
    for day in days:
        load_day(store, scratch, day)


def parts_of(store: Store, month: str) -> list[Part]:
    """The parts of a month that the newest commit names."""
    newest = Table(store, POPSCORE.table).latest()
    return [part for part in newest.files if part.partition.startswith(month)] if newest else []


def remove(store: Store, parts: Iterable[Part]) -> None:
    """Do what the lifecycle rule does 7 days after a compaction."""
    for part in parts:
        store.delete(part.key)

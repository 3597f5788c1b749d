"""Lakes with published marts that no dbt built: any rows, in files as the models' contracts declare them.

lake = MartsLake(store)
lake.add("dim_games", [{"game_id": 1, "display_name": "One"}])
lake.publish("2026-11-21")
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from copy import deepcopy
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import yaml

from gamelake.lake.factory import open_store
from gamelake.lake.location import FolderLocation, locate
from gamelake.marts.documents import (
    HISTORY,
    RECORD,
    DayLeftOut,
    Generation,
    History,
    HistoryDay,
    PublishedMart,
    encode,
    mart_key,
)
from gamelake.marts.generation import publish
from gamelake.marts.pointer import current
from gamelake.paths import REPOSITORY
from gamelake.yaml_loader import SafeLoader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.store import Store

Row = dict[str, Any]
DAILY = "fct_game_popularity_daily"


@cache
def contracts() -> dict[str, dict[str, str]]:
    """The columns of every published mart, with their types, as dbt/models/marts declares them."""
    models = [
        model
        for file in sorted((REPOSITORY / "dbt" / "models" / "marts").rglob("*.yml"))
        for model in yaml.load(file.read_text("utf-8"), Loader=SafeLoader).get("models", [])  # noqa: S506 - it is safe
    ]
    return {model["name"]: {each["name"]: each["data_type"] for each in model["columns"]} for model in models}


@cache
def copies() -> dict[str, str]:
    """The key of the copy of every published mart."""
    folder = REPOSITORY / "dbt" / "models"
    return {file.stem: str(file.relative_to(folder).with_suffix(".parquet")) for file in folder.glob("marts/**/*.yml")}


class MartsLake:
    """Generations, one a day. Rows stay from one day to the next, unless they are replaced."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.selects: dict[str, str] = {}
        self._replaced: dict[str, str] = {}
        self._history: dict[str, HistoryDay] = {}
        self._left_out: list[DayLeftOut] = []
        self._builds = 0
        self._scratch = duckdb.connect()  # one for all files: a database costs 30 ms of CPU time to open

    def copied(self, folder: Path) -> MartsLake:
        """A copy of the lake in another folder, to go on with."""
        shutil.copytree(folder_of(self.store), folder)
        lake = MartsLake(open_store(folder.as_uri()))
        lake.rows = deepcopy(self.rows)
        lake._history, lake._left_out, lake._builds = dict(self._history), list(self._left_out), self._builds
        return lake

    def add(self, mart: str, rows: Sequence[Row]) -> None:
        """Add rows to a mart. What a row does not name is null."""
        self.rows[mart] += rows

    def replace(self, mart: str, select: str) -> None:
        """Let a mart have other columns than its contract: those of a query."""
        self._replaced[mart] = select

    def add_history(self, day: str, rows: Sequence[Row] = (), *, select: str = "") -> None:
        """Add a day to the popularity history: rows, or a query in the place of many."""
        self.selects[DAILY] = select
        key = f"marts/history/{DAILY}/day={day}/{sha256(day.encode()).hexdigest()}-1.parquet"
        size, digest, count = self._write(DAILY, key, rows)
        counts = {"rows": count, "current_rows": count, "superseded_rows": 0, "voided_rows": 0}
        self._history[day] = HistoryDay(day=date.fromisoformat(day), key=key, bytes=size, sha256=digest, **counts)

    def leave_out(self, day: str, reason: str) -> None:
        """Leave a day out of the history."""
        self._left_out.append(DayLeftOut(day=date.fromisoformat(day), key=f"marts/history/{day}", reason=reason))

    def publish(self, day: str, *, built_at: datetime | None = None) -> Generation:
        """Build a generation of a day, and show it."""
        self._builds += 1
        shown = current(self.store)
        folder = f"marts/dt={day}/build-{self._builds}"
        marts = []
        for name in contracts():
            if name != DAILY:
                copy = copies()[name]
                key = mart_key(folder, copy)
                size, digest, count = self._write(name, key, self.rows[name])
                marts.append(PublishedMart(name=name, key=key, rows=count, bytes=size, sha256=digest, copy=copy))
        days = tuple(each for _, each in sorted(self._history.items()))
        self.store.put(f"{folder}/{HISTORY}", encode(History(days=days, left_out=tuple(self._left_out))))
        previous = shown and (shown.generation if shown.day < date.fromisoformat(day) else shown.previous)
        document = Generation(
            generation=folder,
            previous=previous or None,
            day=date.fromisoformat(day),
            run_id=f"build-{self._builds}",
            built_at=built_at or datetime.now(UTC),
            sources={},
            marts=tuple(marts),
            history=f"{folder}/{HISTORY}",
            days_left_out={},
        )
        self.store.put(f"{folder}/{RECORD}", encode(document))
        publish(self.store, folder, {})
        return document

    def _write(self, mart: str, key: str, rows: Sequence[Row]) -> tuple[int, str, int]:
        """Write a file as the contract declares it. `selects` has SQL in the place of rows, for many of them.

        Returns: its size, its SHA-256 and its rows.
        """
        columns = {name: kind for name, kind in contracts()[mart].items() if not (mart == DAILY and name == "day")}
        unknown = {name for row in rows for name in row} - set(columns)
        assert not unknown, f"{mart} has no {unknown}"
        connection = self._scratch
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mart.parquet"
            declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"create or replace table mart ({declared})")
            if select := self.selects.get(mart):
                connection.execute(f"insert into mart by name {select}")
            if rows:
                marks = ", ".join(f"${name}" for name in columns)
                connection.executemany(
                    f"insert into mart values ({marks})", [dict.fromkeys(columns) | row for row in rows]
                )
            if select := self._replaced.get(mart):
                connection.execute(f"create or replace table mart as {select}")
            connection.execute(f"copy mart to '{path}' (format parquet, compression zstd, row_group_size 32768)")
            data = path.read_bytes()
        count = connection.table("mart").count("*").fetchall()[0][0]
        self.store.put(key, data)
        return len(data), sha256(data).hexdigest(), count


def folder_of(store: Store) -> Path:
    """The folder of a store on disk."""
    place = locate(store.uri)
    assert isinstance(place, FolderLocation)
    return place.folder

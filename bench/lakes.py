"""Lakes to measure the transform on: the sandbox's rows, written and committed by the product's own code.

    lake = day_lake(Path("/var/tmp/bench"), games=345_000)

A lake is made once and kept in its folder. It has two nights. On FIRST everything was read whole. On DAY came
the changes of games, companies and release dates, a new day of popularity, and the id ranges with deleted rows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import date, timedelta
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import orjson
from msgspec.structs import replace

from gamelake.days import bounds_of, format_day
from gamelake.kinds import Kind
from gamelake.lake.claims import merge_parts
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.marts import dbt_project, history, pointer
from gamelake.marts.documents import History, HistoryDay, encode, read
from gamelake.registry import Entity, load_sources
from gamelake.sources.igdb.options import IgdbOptions
from sandbox.igdb.conditions import compile_condition
from sandbox.igdb.query import parse_query
from sandbox.igdb.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import Store

    Row = dict[str, Any]
    Page = tuple[list[Row], IdRange | None]

FIRST, DAY = date(2026, 11, 20), date(2026, 11, 21)
POPULARITY_PER_GAME = 400_000 / 345_000
WINDOW = 500
PACK_ROWS = 10 * WINDOW


def day_lake(folder: Path, *, games: int) -> Path:
    """Return the folder of the lake of so many games after two nights; make it if it is missing."""
    lake = folder / f"games-{games}"
    if lake.exists():
        return lake
    shutil.rmtree(making := folder / "making", ignore_errors=True)
    # a little more popularity than asked for, which is cut
    world = World.generate(games=games, first_day=FIRST, today=FIRST, popularity_per_game=1.1 * POPULARITY_PER_GAME)
    store, entities = open_store(making.as_uri()), [*load_sources()["igdb"].entities.values()]
    for entity in entities:
        _commit(store, entity, FIRST, _whole(_rows(world, entity, games)), world, folder)
    incremental = [entity for entity in entities if entity.kind is Kind.INCREMENTAL]
    before = {entity.name: set(world.table(IgdbOptions.of(entity).endpoint).ids) for entity in incremental}
    world.advance(DAY)
    for entity in entities:
        if entity.kind is Kind.INCREMENTAL:
            _commit(store, entity, DAY, _changes(world, entity, before[entity.name]), world, folder)
        elif entity.kind is Kind.TIME_SERIES:
            _commit(store, entity, DAY, _whole(_rows(world, entity, games)), world, folder)
    making.rename(lake)
    return lake


def rows_of(lake: Path) -> dict[str, int]:
    """Return the number of rows of each table of a lake."""
    store = open_store(lake.as_uri())
    return {
        name: manifest.row_count
        for name in load_sources()["igdb"].entities
        if (manifest := Table(store, TableName("igdb", name)).latest())
    }


def _rows(world: World, entity: Entity, games: int) -> Iterator[Row]:
    options = IgdbOptions.of(entity)
    rows = filter(_meets(options), world.rows(options.endpoint))
    return islice(rows, round(games * POPULARITY_PER_GAME)) if entity.kind is Kind.TIME_SERIES else rows


def _meets(options: IgdbOptions) -> Callable[[Row], bool]:
    """Return whether a row is one of the table."""
    where = parse_query(f"where {options.filter};").where if options.filter else None
    return compile_condition(where) if where else lambda _: True


def _whole(rows: Iterator[Row]) -> Iterator[Page]:
    """Pages of all rows; together they claim every id."""
    low = 0
    while pack := list(islice(rows, PACK_ROWS)):
        high = None if len(pack) < PACK_ROWS else pack[-1]["id"] + 1
        yield pack, IdRange(low, high)
        low = pack[-1]["id"] + 1
    if low == 0 or high is not None:
        yield [], IdRange(low, None)


def _changes(world: World, entity: Entity, before: set[int]) -> Iterator[Page]:
    """Yield what changed since the night before, then the windows from which rows were deleted, whole."""
    options, since = IgdbOptions.of(entity), bounds_of(DAY)[0].timestamp()
    table, meets = world.table(options.endpoint), _meets(options)
    changed = [row_id for row_id, at in zip(table.ids, table.updated, strict=True) if at >= since]
    yield [row for row_id in changed if meets(row := table.row(row_id))], None
    live = set(table.ids)
    for window, _ in groupby(sorted(before - live), key=lambda row_id: row_id // WINDOW):
        ids = range(window * WINDOW, (window + 1) * WINDOW)
        yield (
            [row for row_id in ids if row_id in live and meets(row := table.row(row_id))],
            IdRange(ids.start, ids.stop),
        )


def _commit(store: Store, entity: Entity, day: date, pages: Iterable[Page], world: World, scratch: Path) -> None:
    table, run_id, partition = Table(store, entity.table), f"bench-{format_day(day)}", format_day(day)
    newest, rows = table.latest(), 0
    with PartStage(store, LoadRun(entity.table, partition, run_id), scratch=scratch) as stage:
        for page, claim in pages:
            lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in page)
            times = [row["updated_at"] for row in page if "updated_at" in row]
            stage.add(Rows(lines, [row["id"] for row in page], max(times, default=None)), claim)
            rows += len(page)
        files = stage.finish()
    if entity.kind is Kind.INCREMENTAL:
        options = IgdbOptions.of(entity)
        rows = (
            sum(map(_meets(options), world.rows(options.endpoint)))
            if options.filter
            else len(world.table(options.endpoint))
        )
    mode = Mode.SNAPSHOT if entity.kind is not Kind.INCREMENTAL else Mode.INCREMENTAL if newest else Mode.FULL
    kept = newest.files if newest else ()
    draft = Draft(
        run_id=run_id,
        partition=partition,
        mode=mode,
        cursor=str(int(bounds_of(day)[0].timestamp())),
        source_count=rows,
        row_count=rows,
        files=merge_parts(kept, files, per_partition=entity.kind is Kind.TIME_SERIES),
    )
    table.commit(lambda _: draft)
    print(f"  {entity.name} {partition}: {rows:,} rows, {sum(file.bytes for file in files) / 1e6:.1f} MB", flush=True)


def history_lake(lake: Path, *, days: int) -> Path:
    """Return a copy of a lake with published popularity of so many days before DAY; make it if it is missing.

    The copy is hard links. Past days have the raw parts of FIRST, and each its own history object: the values of FIRST,
    moved a little. `lake` must have FIRST published.
    """
    copy = lake.with_name(f"{lake.name}-history-{days}")
    if copy.exists():
        return copy
    shutil.rmtree(making := lake.with_name("making"), ignore_errors=True)
    shutil.copytree(lake, making, copy_function=os.link)
    store, entity = open_store(making.as_uri()), load_sources()["igdb"].entities["popscore"]
    newest = Table(store, entity.table).latest()
    shown = pointer.current(store)
    assert newest is not None  # noqa: S101 - day_lake has committed it
    assert shown is not None  # noqa: S101 - FIRST is published
    shutil.rmtree(making / "raw" / entity.name / "_manifests")
    (making / "raw" / entity.name / "_manifest.json").unlink()
    parts = [file for file in newest.files if file.partition == format_day(FIRST)]
    files = []
    for day in (FIRST - timedelta(days=age) for age in reversed(range(days))):
        for part in parts:
            key = part.key.replace(f"dt={part.partition}", f"dt={format_day(day)}")
            if day != FIRST:
                (making / key).parent.mkdir(parents=True, exist_ok=True)
                (making / key).hardlink_to(making / part.key)
            files.append(replace(part, key=key, partition=format_day(day)))
    table = Table(store, entity.table)
    first = _draft(newest, FIRST, files)
    table.commit(lambda _: first)
    listing = read(store, shown.history, History).days
    days = history.days_of(dbt_project.history_model()[0], files, listing)
    built = tuple(each.built or _past_day(making, each, listing[0]) for each in days)
    store.put(shown.history, encode(History(days=built, left_out=())))
    second = _draft(newest, DAY, [*files, *(file for file in newest.files if file.partition == format_day(DAY))])
    table.commit(lambda _: second)
    making.rename(copy)
    return copy


def _draft(commit: Manifest, day: date, files: Sequence[Part]) -> Draft:
    """Return a commit like another, of other files."""
    fields = {name: getattr(commit, name) for name in Draft.__struct_fields__}
    return Draft(**fields | {"partition": format_day(day), "run_id": f"bench-{format_day(day)}", "files": tuple(files)})


def _past_day(lake: Path, day: history.Day, first: HistoryDay) -> HistoryDay:
    """Write a day of history like the first one, its values moved. Returns: its entry in a listing."""
    factor = 1 + day.day.toordinal() % 100 / 1000
    metrics = ("visits", "want_to_play", "playing", "played", "steam_24hr_peak_players")
    moved = ", ".join(f"{metric} * {factor} as {metric}" for metric in metrics)
    notes = ", ".join(
        f"{name}: '{getattr(first, name)}'" for name in ("current_rows", "superseded_rows", "voided_rows")
    )
    path = lake / day.key
    path.parent.mkdir(parents=True, exist_ok=True)
    moved_rows = duckdb.read_parquet(str(lake / first.key)).project(f"* replace (date '{day.day}' as day, {moved})")
    duckdb.execute(f"copy moved_rows to '{path}' (format parquet, compression zstd, kv_metadata {{{notes}}})")
    del moved_rows  # DuckDB found it by its name
    content = path.read_bytes()
    return msgspec.structs.replace(
        first, day=day.day, key=day.key, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )

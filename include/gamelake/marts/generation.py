"""A generation: all marts of one build, in a folder of their own that nobody reads before it is published.

    marts/dt=2026-11-21/<run>/_inputs.json        which commits and files the build reads
    marts/dt=2026-11-21/<run>/dim_games.parquet   one file a mart
    marts/dt=2026-11-21/<run>/_spark/<try>/       only of Spark, until it is published: its tables
    marts/dt=2026-11-21/<run>/_history.json       the days of fct_game_popularity_daily; see history.py
    marts/dt=2026-11-21/<run>/_generation.json    what was published, and the generation of an earlier day before it

A build opens a new folder, also when its run is repeated. A folder that has `_generation.json` is finished: nothing
writes into it again. Readers follow the pointer (pointer.py), so they see the old generation or the new one and never a
mix. The copies at fixed paths follow it one by one, each of them whole, with the day in the file's metadata.
"""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson

from gamelake.days import format_day, parse_day
from gamelake.lake.audit import RETENTION
from gamelake.lake.factory import place_of
from gamelake.lake.keys import run_folder
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError
from gamelake.lake.table import open_table
from gamelake.marts import history, pointer, unbuildable
from gamelake.marts.pointer import POINTER, RECORD, Action, Move, Publication, current, record_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from gamelake.lake.manifest import File, Manifest
    from gamelake.lake.store import ReadableStore, Store
    from gamelake.registry import Entity

INPUTS = "_inputs.json"
SPARK_TABLES = "_spark"
_CHUNK = 1 << 20


class TransformError(Exception):
    """A build that cannot begin or cannot be published; names what is missing and what to do."""


def open_generation(
    store: Store, entities: Iterable[Entity], *, day: date, run_id: str, sources: ReadableStore | None = None
) -> str:
    """Fix what a build reads: of each entity the newest commit of the day or of one before it.

    Each call opens a new folder. A day without a load of its own can be built, a day after the newest load cannot.

    Args: `store` is where marts are written; `sources` holds the tables that they are built from, if that is not the
    store itself but a CDN before it, or before another lake.
    Returns: the generation's key prefix, `marts/dt=<day>/<run>`; `_inputs.json` is in it.
    Raises: TransformError when the day is after the newest load, an entity was never loaded, or a part that the day
    needs is gone; StoreError.
    """
    raw = sources or store
    entities = tuple(entities)
    commits = {str(entity): open_table(raw, entity.table).as_of(format_day(day)) for entity in entities}
    if missing := [name for name, manifest in commits.items() if manifest is None]:
        raise TransformError(
            f"no load of {', '.join(missing)} was committed for {format_day(day)} or a day before it in "
            f"{place_of(raw)}; run {', '.join(entity.dag_id for entity in entities if str(entity) in missing)} first"
        )
    _check_loaded(raw, entities, day, commits.values())
    marts = _reader_of_marts(store, sources)
    popularity = commits.get(history.TABLE)
    every_day = _history_days(store, popularity)
    newest = history.newest_day(popularity, format_day(day)) if popularity else ""
    known = {name: manifest.files for name, manifest in commits.items() if manifest}
    days, left_out = unbuildable.leave_out(raw, every_day, tested=newest, known=known)
    unread = history.unread_parts(every_day, days, newest)
    _check_parts(raw, format_day(day), [file for each in commits.values() if each for file in each.files], unread)
    document = {
        "day": format_day(day),
        "run_id": run_id,
        "build": uuid4().hex,  # no two builds have equal documents, so each creates a folder of its own
        "previous": _previous(store, marts, format_day(day)),
        "days": [each.as_input(store, marts) for each in days],
        "days_left_out": left_out,
        "sources": [_source(raw, manifest, unread) for manifest in commits.values() if manifest is not None],
    }
    inputs = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    history.describe(store, days)
    folder = f"marts/dt={format_day(day)}/{run_folder(run_id)}"
    build = 1
    while True:
        generation = folder if build == 1 else f"{folder}-{build}"
        try:
            store.put(f"{generation}/{INPUTS}", inputs, if_absent=True)
        except ObjectExistsError:
            build += 1
        else:
            return generation


def newest_day(store: ReadableStore, entities: Iterable[Entity]) -> date:
    """Return the newest Korean day that any entity was loaded for. Raises: TransformError when none was; StoreError."""
    commits = [commit for entity in entities if (commit := open_table(store, entity.table).latest())]
    if not commits:
        raise TransformError(
            f"no load was ever committed in {place_of(store)}; run the DAGs of the sources, or `make run`"
        )
    # The newest commit may be of an older day that was loaded again: its parts tell of later days.
    parts = (file.partition for commit in commits for file in commit.files)
    return parse_day(max([*(commit.partition for commit in commits), *parts]))


def publish(store: Store, generation: str, copies: Mapping[str, str]) -> dict[str, Any]:
    """Finish a generation that is whole, and show it to readers unless they have a later day or newer loads of its day.

    A rebuilt past day stays beside what readers have. A generation is published once: what replaced it stays, even if
    this is called again. Killed anywhere, it can be called again.

    Args: `copies` names each mart that must be there, with the key of its copy.
    Returns: the generation's document, with `published`, `reason` (why not; None if it was) and `publication`, the
    number of the publication that readers have now.
    Raises: TransformError naming the marts without a file; StoreError.
    """
    try:
        document, finished_before = record_of(store, generation), True
    except ObjectNotFoundError:
        document, finished_before = _finish(store, generation, copies), False
    reason: str | None = None

    def decide(shown: Publication | None) -> Move | None:
        nonlocal reason
        reason = None if shown is None else _why_not(store, document, shown, finished_before=finished_before)
        if reason or (shown and shown.generation == generation):
            return None
        return Move(action=Action.PUBLISH, generation=generation, day=document["day"], by=document["run_id"])

    made = pointer.move(store, decide) or pointer.newest(store)
    return {**document, "published": reason is None, "reason": reason, "publication": made.number if made else 0}


def _finish(store: Store, generation: str, copies: Mapping[str, str]) -> dict[str, Any]:
    """Check that a build is whole, and write its listing and its document. Returns: the document."""
    inputs = orjson.loads(store.get(f"{generation}/{INPUTS}"))
    marts, missing = [], []
    for name, copy in sorted(copies.items()):
        try:
            marts.append({"name": name, **read_parquet(store, f"{generation}/{name}.parquet")[0], "copy": copy})
        except ObjectNotFoundError:
            missing.append(name)
    days = []
    for day in inputs["days"]:
        try:
            days.append(_listed(store, day))
        except ObjectNotFoundError:
            missing.append(f"{history.MODEL} of {day['day']}")
    if missing:
        raise TransformError(f"{generation} has no file of {', '.join(missing)}: the build is not whole; run it again")
    left_out = inputs.get("days_left_out", [])
    unbuildable.warn(left_out)
    listing = {"days": days, "left_out": left_out}
    store.put(f"{generation}/{history.LISTING}", orjson.dumps(listing, option=orjson.OPT_INDENT_2))
    document = {
        "generation": generation,
        "previous": (inputs["previous"] or {}).get("generation"),
        "day": inputs["day"],
        "run_id": inputs["run_id"],
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sources": {f"{each['source']}.{each['entity']}": each["version"] for each in inputs["sources"]},
        "marts": marts,
        "history": f"{generation}/{history.LISTING}",
        "days_left_out": {each["day"]: each["reason"] for each in left_out},
    }
    try:
        store.put(f"{generation}/{RECORD}", orjson.dumps(document, option=orjson.OPT_INDENT_2), if_absent=True)
    except ObjectExistsError:  # another try was faster
        return record_of(store, generation)
    return document


def _why_not(store: Store, document: Mapping[str, Any], shown: Publication, *, finished_before: bool) -> str | None:
    """Why a generation is not to replace what readers have, in words; None if it is to."""
    if shown.generation == document["generation"]:
        return None
    if shown.day > document["day"]:
        return f"not published: readers already have {shown.day}, which is later than {document['day']}"
    if finished_before:
        for each in pointer.history(store):
            if each.generation == document["generation"]:
                return (
                    f"not published: this generation was published before (number {each.number}), and number "
                    f"{shown.number} ({shown.action}) replaced it by {shown.generation}; "
                    f"`make rollback TO={each.generation}` shows it again"
                )
    if shown.day == document["day"] and (older := _older_loads(store, document, shown.generation)):
        return (
            f"not published: readers already have {shown.generation}, which was built from newer loads: "
            f"{', '.join(older)}; `make rollback TO={document['generation']}` shows this one anyway"
        )
    return None


def _older_loads(store: Store, document: Mapping[str, Any], shown: str) -> list[str]:
    """Of which entities readers have a higher version than a build read, in words: none, if it was opened later."""
    try:
        versions, own = record_of(store, shown)["sources"], document["sources"]
    except ObjectNotFoundError:  # removed by hand: what readers have is not whole
        return []
    return [f"{name}: version {versions[name]}, not {n}" for name, n in own.items() if n < versions.get(name, 0)]


def clean_up(store: Store, generation: str) -> int:
    """Remove the tables that failed tries of Spark left in a generation.

    A generation that is not published keeps them until the audit finds it old.
    Returns: how many objects. Raises: StoreError.
    """
    keys = [info.key for info in store.list(f"{generation}/{SPARK_TABLES}/")]
    for key in keys:
        store.delete(key)
    return len(keys)


def _reader_of_marts(store: Store, sources: ReadableStore | None) -> ReadableStore:
    """Where a build reads earlier marts: where they are written, or through the CDN if it serves this very lake.

    It does if it has the record of the shown generation, byte by byte: that names the run, its time and all hashes.
    """
    shown = current(store)
    if sources is None or shown is None:
        return store
    record = f"{shown['generation']}/{RECORD}"
    try:
        return sources if sources.get(record) == store.get(record) else store
    except ObjectNotFoundError:
        return store


def changed_keys(document: Mapping[str, Any]) -> list[str]:
    """Return what a publication put in the place of something else, given its document: copies of it are outdated."""
    return [POINTER, *(mart["copy"] for mart in document["marts"])] if document["published"] else []


def _check_loaded(
    store: ReadableStore, entities: Sequence[Entity], day: date, commits: Iterable[Manifest | None]
) -> None:
    """Refuse a day after the newest load: it would show the rows of an earlier day, and hold back the days until then.

    The newest load is the bound, not this machine's clock: the source's clock decides what can be loaded.
    """
    if any(commit and commit.partition == format_day(day) for commit in commits):
        return
    if (newest := newest_day(store, entities)) < day:
        raise TransformError(
            f"date: found {format_day(day)}, expected {format_day(newest)} or earlier: that is the newest day that was "
            f"loaded into {place_of(store)}"
        )


def _check_parts(store: ReadableStore, day: str, files: Sequence[File], left_out: Container[str]) -> None:
    """Hold a build to what it will read, rather than let it run into a hole."""
    gone = []
    for file in files:
        if file.key not in left_out:
            try:
                store.info(file.key)
            except ObjectNotFoundError:
                gone.append(file.key)
    if gone:
        raise TransformError(
            f"{day} cannot be built: {len(gone)} of the parts that it reads are gone, such as {gone[0]}. Parts that no "
            f"longer count are kept for {RETENTION.days} days; build a later day"
        )


def _previous(store: Store, reader: ReadableStore, day: str) -> dict[str, Any] | None:
    """Return the last published generation of an earlier day, or None: the same whenever a day is built again."""
    shown = current(store)
    try:
        while shown is not None and shown["day"] >= day:
            before = shown.get("previous")
            shown = orjson.loads(store.get(f"{before}/{RECORD}")) if before else None
    except ObjectNotFoundError:  # generations are not kept without end
        return None
    if shown is None:
        return None
    marts = [{"name": mart["name"], "url": reader.url(mart["key"])} for mart in shown["marts"]]
    return {"day": shown["day"], "generation": shown["generation"], "marts": marts}


def _history_days(store: Store, manifest: Manifest | None) -> list[history.Day]:
    """Return the days of a build's history, by age: what the shown generation lists need not be built."""
    if manifest is None:
        return []
    shown = current(store) or {}
    listing = orjson.loads(store.get(shown["history"]))["days"] if "history" in shown else []
    return history.days_of(manifest.files, listing)


def _listed(store: Store, day: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a day as a listing has it. Raises: ObjectNotFoundError when it was to be built and is not there."""
    if day["built"]:
        built: Mapping[str, Any] = day["built"]
        return built
    object_, notes = read_parquet(store, day["key"])
    return {"day": day["day"], **object_, **{name: int(notes[name]) for name in history.FATES}}


def _source(store: ReadableStore, manifest: Manifest, left_out: Container[str]) -> Mapping[str, Any]:
    """Return a commit as a build is told of it, without the files of days that it need not read."""
    return {
        "source": manifest.source,
        "entity": manifest.entity,
        "version": manifest.version,
        "partition": manifest.partition,
        "cursor": manifest.cursor,
        "committed_at": manifest.committed_at.astimezone(UTC).isoformat(),
        "source_count": manifest.source_count,
        "row_count": manifest.row_count,
        "files": [
            {
                "ordinal": ordinal,
                "url": store.url(file.key),
                "partition": file.partition,
                "rows": file.rows,
                "claims": [{"low": claim.low, "high": claim.high} for claim in file.claims],
            }
            for ordinal, file in enumerate(manifest.files)
            if file.key not in left_out
        ],
    }


def read_parquet(store: Store, key: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read a Parquet file once, on disk rather than in memory.

    Returns: its key, rows (as its footer states), bytes and sha256; and the notes that it carries.
    """
    import duckdb  # the DAG processor reads this module and needs no database

    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy, store.open(key) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        query = "select num_rows from parquet_file_metadata(?)"
        (rows,) = duckdb.execute(query, [copy.name]).fetchone() or (0,)
        query = "select decode(key), decode(value) from parquet_kv_metadata(?)"
        notes = dict(duckdb.execute(query, [copy.name]).fetchall())
        return {"key": key, "rows": rows, "bytes": copy.tell(), "sha256": digest.hexdigest()}, notes

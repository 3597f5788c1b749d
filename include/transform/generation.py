"""A generation: all marts of one build, in a folder of their own that nobody reads before it is published.

    marts/dt=2026-11-21/<run>/_inputs.json        which commits and files the build reads
    marts/dt=2026-11-21/<run>/dim_games.parquet   one file a mart
    marts/_current.json                           the pointer: the generation that readers use

Readers follow the pointer, so they see the old generation or the new one and never a mix.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from include.lake.audit import RETENTION, Finding, Problem
from include.lake.manifest import Table
from include.lake.store import ObjectExists, ObjectNotFound
from include.partitions import format_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from include.lake.manifest import Manifest
    from include.lake.store import ObjectInfo, Store
    from include.registry import Entity

POINTER = "marts/_current.json"
INPUTS = "_inputs.json"
_CHUNK = 1 << 20


class TransformError(Exception):
    """A build that cannot begin or cannot be published; names what is missing and the way out."""


@dataclass(frozen=True, slots=True)
class Mart:
    """One published file: `rows`, `bytes` and `sha256` are of the Parquet file under `key`."""

    name: str
    key: str
    rows: int
    bytes: int
    sha256: str


def open_generation(store: Store, entities: Iterable[Entity], *, day: date, run_id: str) -> str:
    """Fix what a build reads: of each entity the newest commit of the day or of one before it.

    Returns: the generation's key prefix, `marts/dt=<day>/<run>`; `_inputs.json` is in it.
    Raises: TransformError when an entity was never loaded; StoreError.
    """
    commits: dict[str, Manifest | None] = {e.name: Table(store, e.name).as_of(format_day(day)) for e in entities}
    if missing := [name for name, manifest in commits.items() if manifest is None]:
        raise TransformError(
            f"no load of {', '.join(missing)} was committed for {format_day(day)} or a day before it in {store.uri}; "
            f"run {', '.join('igdb_' + name for name in missing)} first"
        )
    sources = [_source(store, manifest) for manifest in commits.values() if manifest is not None]
    inputs = orjson.dumps({"day": format_day(day), "run_id": run_id, "sources": sources}, option=orjson.OPT_INDENT_2)
    # A run that is cleared builds into a new folder: what was published once never changes.
    run = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id).strip("-")
    build = 1
    while True:
        generation = f"marts/dt={format_day(day)}/{run}" + ("" if build == 1 else f"-{build}")
        try:
            store.put(f"{generation}/{INPUTS}", inputs, if_absent=True)
        except ObjectExists:
            build += 1
        else:
            return generation


def publish(store: Store, generation: str, names: Iterable[str]) -> dict[str, Any]:
    """Move the pointer to a generation that is whole.

    The pointer does not move when it already shows a later day: a rebuilt past day stays beside it.

    Args: `names` of the marts that must be there.
    Returns: the pointer's document, with `published` false when it was left alone.
    Raises: TransformError naming the marts without a file; StoreError.
    """
    inputs = orjson.loads(store.get(f"{generation}/{INPUTS}"))
    marts, missing = [], []
    for name in sorted(names):
        try:
            marts.append(_mart(store, name, f"{generation}/{name}.parquet"))
        except ObjectNotFound:
            missing.append(name)
    if missing:
        raise TransformError(f"{generation} has no file of {', '.join(missing)}: the build is not whole; run it again")
    document = {
        "generation": generation,
        "day": inputs["day"],
        "run_id": inputs["run_id"],
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sources": {source["entity"]: source["version"] for source in inputs["sources"]},
        "marts": [asdict(mart) for mart in marts],
    }
    shown = current(store)
    published = shown is None or shown["day"] <= document["day"]
    if published:
        store.put(POINTER, orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return {**document, "published": published}


def current(store: Store) -> dict[str, Any] | None:
    """The pointer's document, or None before the first publication."""
    try:
        document: dict[str, Any] = orjson.loads(store.get(POINTER))
    except ObjectNotFound:
        return None
    return document


def audit_generations(store: Store, *, now: datetime) -> Iterator[Finding]:
    """What is wrong with the marts: files that the pointer names wrongly, and generations that nobody reads.

    Nobody reads a generation that the pointer does not name, once it is older than RETENTION; but the newest of these
    is kept, whose readers may have followed the pointer a moment before it moved.

    Raises: StoreError.
    """
    generations: dict[str, list[ObjectInfo]] = defaultdict(list)
    for info in store.list("marts/dt="):
        generations["/".join(info.key.split("/")[:3])].append(info)
    ages = {generation: max(info.modified for info in files) for generation, files in generations.items()}
    pointer = current(store) or {"generation": None, "marts": []}
    ages.pop(pointer["generation"], None)
    for generation in sorted(ages, key=lambda name: ages[name])[:-1]:
        if ages[generation] < now - RETENTION:
            for info in generations[generation]:
                yield Finding.orphan(info, f"its generation is {RETENTION.days} days old, and not the published one")
    for mart in pointer["marts"]:
        yield from _check_mart(store, mart)


def _check_mart(store: Store, mart: Mapping[str, Any]) -> Iterator[Finding]:
    named = f"{POINTER} names it"
    try:
        info = store.info(mart["key"])
    except ObjectNotFound:
        yield Finding(Problem.MISSING, mart["key"], named)
        return
    if info.size != mart["bytes"]:
        reason = f"{named} with {mart['bytes']} bytes, the store holds {info.size}"
        yield Finding(Problem.DAMAGED, mart["key"], reason, info.size, info.modified)


def _source(store: Store, manifest: Manifest) -> Mapping[str, Any]:
    return {
        "entity": manifest.entity,
        "version": manifest.version,
        "partition": manifest.partition,
        "watermark": manifest.watermark,
        "files": [
            {
                "ordinal": ordinal,
                "url": store.url(file.key),
                "partition": file.partition,
                "rows": file.rows,
                "claims": [{"low": claim.low, "high": claim.high} for claim in file.claims],
            }
            for ordinal, file in enumerate(manifest.files)
        ],
    }


def _mart(store: Store, name: str, key: str) -> Mart:
    """Read a mart's file once, on disk rather than in memory: its hash, and the row count that its footer states."""
    import duckdb  # the DAG processor reads this module and needs no database

    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy, store.open(key) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        query = "select num_rows from parquet_file_metadata(?)"
        (rows,) = duckdb.execute(query, [copy.name]).fetchone() or (0,)
        return Mart(name, key, rows, copy.tell(), digest.hexdigest())

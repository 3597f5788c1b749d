"""A generation: all marts of one build, in a folder of its own that no reader opens before it is published.

    marts/dt=2026-11-21/<run>/_inputs.json        which commits and files the build reads
    marts/dt=2026-11-21/<run>/dim_games.parquet   one file a mart
    marts/dt=2026-11-21/<run>/restricted/*.parquet  those that no CDN may show; see docs/decisions/0034
    marts/dt=2026-11-21/<run>/_spark/<try>/       only of Spark, until it is published: its tables
    marts/dt=2026-11-21/<run>/_day=<day>.parquet  a day that the build adds to the history; see history.py
    marts/dt=2026-11-21/<run>/_history.json       the days of the history
    marts/dt=2026-11-21/<run>/_generation.json    what was built
    marts/dt=2026-11-21/<run>/_publication-<number>.json  a copy of each publication that showed it; see pointer.py
    marts/_restored/<build>/raw/...               only while a build reads parts of compacted months; see restored.py

A build opens a new folder, also when its run is repeated. A folder that has `_generation.json` is finished: none of its
files is written again. Readers follow the pointer (pointer.py), so they see the old generation or the new one and never
a mix. The copies at fixed paths follow it one by one, each of them whole, with the day in the file's metadata.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.days import format_day
from gamelake.lake.documents import DocumentError, convert
from gamelake.lake.keys import run_folder
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.marts import pointer, unbuildable
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.dbt_project import history_model
from gamelake.marts.documents import (
    HISTORY,
    INPUTS,
    POINTER,
    RECORD,
    Action,
    Generation,
    History,
    HistoryDay,
    Move,
    Publication,
    PublishedMart,
    encode,
    mart_key,
    read,
)
from gamelake.marts.errors import TransformError
from gamelake.marts.history import written_key
from gamelake.marts.inputs import choose_inputs
from gamelake.marts.parquet import inspect_parquet
from gamelake.marts.restored import RESTORED, remove_restored
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from gamelake.lake.store import ReadableStore, Store
    from gamelake.marts.build_inputs import DayInput
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

SPARK_TABLES = "_spark"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `publish` did: `publication` is the number of what readers have, `why` why it is another generation."""

    generation: Generation
    publication: int
    why: Words | None

    @property
    def is_published(self) -> bool:
        """Whether readers have the generation."""
        return self.why is None

    @property
    def reason(self) -> str | None:
        """Why it is another generation, in English."""
        return self.why.en if self.why else None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for an XCom: the fields of the generation, `published`, `publication`, and the reason."""
        why = self.why.fields("reason") if self.why else dict[str, Any](reason=None)
        own = {"published": self.is_published, "publication": self.publication, **why}
        return {**msgspec.to_builtins(self.generation), **own}


def open_generation(
    store: Store,
    entities: Iterable[Entity],
    *,
    day: date,
    run_id: str,
    sources: ReadableStore | None = None,
    fresh: bool = False,
) -> str:
    """Fix what a build reads: of each entity the newest load of the day or of one before it.

    Each call opens a new folder. A day without a load of its own can be built, a day after the newest load cannot.

    Args:
        store: Where marts are written.
        entities: Every entity of the registry.
        day: The Korean day to build.
        run_id: The run that builds it.
        sources: The lake that has the tables, if it is not `store`: the CDN before it, or another lake.
        fresh: With the events that were applied since these loads.

    Returns:
        The key of the generation, `marts/dt=<day>/<run>`; its `_inputs.json` is written.

    Raises:
        TransformError: The day is after the newest load, a gating entity was never loaded, or a part was removed.
        DocumentError: The pointer or a commit is damaged.
        StoreError: A lake cannot be read or written.
    """
    chosen = choose_inputs(store, sources or store, tuple(entities), day=day, run_id=run_id, fresh=fresh)
    inputs = encode(chosen)
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


def publish(store: Store, generation: str, copies: Mapping[str, str]) -> Outcome:
    """Finish a generation, and show it to readers unless they have a later day or newer commits of its day.

    A rebuilt past day stays beside what readers have. A generation is published once: what replaced it stays, even if
    this is called again. Killed anywhere, it can be called again.

    Args:
        store: The lake.
        generation: The key of the generation.
        copies: Each mart that must have a file, with the key of its copy.

    Raises:
        TransformError: Marts have no file.
        DocumentError: A document of the generation or the pointer is damaged.
        StoreError: The lake cannot be read or written.
    """
    try:
        document, finished_before = pointer.record_of(store, generation), True
    except ObjectNotFoundError:
        document, finished_before = _finish(store, generation, copies), False
    why: Words | None = None

    def decide(shown: Publication | None) -> Move | None:
        nonlocal why
        why = _why_not(store, document, shown, finished_before=finished_before) if shown else None
        if why or (shown and shown.generation == generation):
            return None
        return Move(action=Action.PUBLISH, generation=generation, day=document.day, by=document.run_id)

    made = pointer.move(store, decide) or pointer.newest(store)
    if next(iter(store.list(RESTORED)), None):  # not in most nights: only if old days were built again
        _remove_restored(store, generation)
    return Outcome(document, made.number if made else 0, why)


def _remove_restored(store: Store, generation: str) -> None:
    """Remove what was restored for a build. It is published: what stays must not fail it, and the audit removes it."""
    try:
        remove_restored(store, read(store, f"{generation}/{INPUTS}", Inputs).run[0].build)
    except (StoreError, DocumentError) as error:
        log.warning("%s: published, but the parts that were restored for it stay: %s", generation, error)


def _finish(store: Store, generation: str, copies: Mapping[str, str]) -> Generation:
    """Check that a build is complete, and write its listing and its document."""
    inputs = read(store, f"{generation}/{INPUTS}", Inputs)
    (run,) = inputs.run
    marts, days, missing = [], [], []
    for name, copy in sorted(copies.items()):
        try:
            marts.append(_published(store, mart_key(generation, copy), name, copy))
        except ObjectNotFoundError:
            missing.append(name)
    for day in inputs.days:
        try:
            days.append(_listed(store, generation, day))
        except ObjectNotFoundError:
            missing.append(f"{history_model()[0]} of {day.day}")
    if missing:
        raise TransformError(f"{generation} has no file of {', '.join(missing)}: the build is incomplete; run it again")
    for day in inputs.days:
        if not day.is_built:
            store.copy(written_key(generation, day.day), day.key)
    unbuildable.warn(inputs.days_left_out)
    listing = f"{generation}/{HISTORY}"
    store.put(listing, encode(History(days=tuple(days), left_out=inputs.days_left_out)))
    document = Generation(
        generation=generation,
        previous=run.previous,
        day=run.day,
        run_id=run.run_id,
        built_at=datetime.now(UTC).replace(microsecond=0),
        sources={f"{each.source}.{each.entity}": each.version for each in inputs.sources},
        marts=tuple(marts),
        history=listing,
        days_left_out={str(each.day): each.reason for each in inputs.days_left_out},
        tables_left_out={f"{each.source}.{each.entity}": each.reason for each in inputs.absent if each.reason},
    )
    try:
        store.put(f"{generation}/{RECORD}", encode(document), if_absent=True)
    except ObjectExistsError:  # another try was faster
        return pointer.record_of(store, generation)
    return document


def _published(store: Store, key: str, name: str, copy: str) -> PublishedMart:
    found = inspect_parquet(store, key)
    return PublishedMart(name=name, key=key, rows=found.rows, bytes=found.bytes, sha256=found.sha256, copy=copy)


def _listed(store: Store, generation: str, day: DayInput) -> HistoryDay:
    """Return a day as a listing has it. Raises: ObjectNotFoundError, if the build did not write it."""
    if day.is_built:
        return convert(msgspec.structs.asdict(day), HistoryDay, DocumentError)
    found = inspect_parquet(store, written_key(generation, day.day))
    counts = {name: int(found.notes[name]) for name in ("current_rows", "superseded_rows", "voided_rows")}
    return HistoryDay(day=day.day, key=day.key, rows=found.rows, bytes=found.bytes, sha256=found.sha256, **counts)


def _why_not(store: Store, document: Generation, shown: Publication, *, finished_before: bool) -> Words | None:
    """Return why a generation does not replace what readers have, None if it does."""
    if shown.generation == document.generation:
        return None
    if shown.day > document.day:
        return Words(
            f"not published: readers already have {shown.day}, which is later than {document.day}",
            f"게시하지 않음: 사용자가 보는 {shown.day} 마트가 {document.day}보다 나중 것입니다",
        )
    if finished_before:
        for each in pointer.history(store):
            if each.generation == document.generation:
                return Words(
                    f"not published: this generation was published before (number {each.number}), and number "
                    f"{shown.number} ({shown.action}) replaced it by {shown.generation}; "
                    f"`make rollback TO={each.generation}` shows it again",
                    f"게시하지 않음: 이 세대는 전에 게시되었고(번호 {each.number}), "
                    f"번호 {shown.number}({shown.action})에서 {shown.generation}(으)로 바뀌었습니다. "
                    f"다시 보이려면 `make rollback TO={each.generation}`을 쓰세요",
                )
    if shown.day == document.day and (older := _older_loads(store, document, shown.generation)):
        return Words(
            f"not published: readers already have {shown.generation}, which was built from newer commits: "
            f"{', '.join(older)}; `make rollback TO={document.generation}` shows this one anyway",
            f"게시하지 않음: 사용자가 보는 {shown.generation}은(는) 더 새로운 커밋으로 만들었습니다: "
            f"{', '.join(older)}. 이것을 보이려면 `make rollback TO={document.generation}`을 쓰세요",
        )
    return None


def _older_loads(store: Store, document: Generation, shown: str) -> list[str]:
    """Return the tables of which the shown generation has a newer commit than a build read, with both numbers.

    A lower number alone is no older commit: a table that was lost and loaded again begins with 1.
    """
    try:
        versions, own = pointer.record_of(store, shown).sources, document.sources
        lower = [name for name, version in own.items() if version < versions.get(name, 0)]
        if not lower:
            return []
        theirs, ours = (_times_of_commits(store, each) for each in (shown, document.generation))
    except (ObjectNotFoundError, DocumentError) as error:  # what readers have is incomplete
        log.warning("%s may have been built from newer commits: %s", shown, error)
        return []
    return [f"{name}: version {versions[name]}, not {own[name]}" for name in lower if ours[name] < theirs[name]]


def _times_of_commits(store: Store, generation: str) -> dict[str, datetime]:
    """Return when the commits that a build read were committed, by table."""
    inputs = read(store, f"{generation}/{INPUTS}", Inputs)
    return {f"{each.source}.{each.entity}": each.committed_at for each in inputs.sources}


def clean_up(store: Store, generation: str) -> int:
    """Remove the tables that failed tries of Spark left in a generation.

    A generation that is not published keeps them until the audit removes it.

    Returns:
        How many objects were removed.

    Raises:
        StoreError: The lake cannot be read or written.
    """
    keys = [info.key for info in store.list(f"{generation}/{SPARK_TABLES}/")]
    for key in keys:
        store.delete(key)
    return len(keys)


def changed_keys(generation: Generation) -> list[str]:
    """Return the keys that the publication of a generation replaced: a CDN has outdated copies of them."""
    return [POINTER, *(mart.copy for mart in generation.marts)]

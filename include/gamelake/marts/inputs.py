"""Decides what a build reads: commits, files, days of the history and the marts of the day before.

Files of earlier builds are compared with their listed sizes, and with their hashes after a build that did not end: a
damaged one may be why. To read each of them every night would take longer than the build.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from gamelake.days import day_of_partition, format_day
from gamelake.lake.documents import DocumentError
from gamelake.lake.store import CHUNK, ObjectNotFoundError
from gamelake.marts import changes, history, pointer, unbuildable
from gamelake.marts.build_inputs import AbsentInput, ClaimInput, FileInput, Inputs, PreviousMart, RunInput, SourceInput
from gamelake.marts.build_results import runs_between
from gamelake.marts.commits import commit_inputs, commits_as_of, shared_fields
from gamelake.marts.dbt_project import history_model
from gamelake.marts.documents import INPUTS, RECORD, History, read
from gamelake.marts.restored import restore_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import ReadableStore, Store
    from gamelake.marts.build_inputs import CommitInput
    from gamelake.marts.documents import Generation, HistoryDay, PublishedMart
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

_FILES_AT_ONCE = 8


def choose_inputs(
    store: Store, sources: ReadableStore, entities: Sequence[Entity], *, day: date, run_id: str, fresh: bool = False
) -> Inputs:
    """Choose what a build of a day reads, and prepare the store for the days of the history that it must build.

    Args:
        store: Where marts are written.
        sources: The tables that they are built from: the same lake, the CDN before it, or another lake.
        entities: Every entity of the registry.
        day: The Korean day to build.
        run_id: The run that builds it.
        fresh: With the events that were applied since the loads of that day.

    Raises:
        TransformError: The day is after the newest load, a gating table was never loaded, or a part was removed and no
            compacted month has it.
        DocumentError: The pointer or a commit is damaged.
        StoreError: A lake cannot be read or written.
    """
    commits, broken = commits_as_of(sources, entities, day, fresh=fresh)
    shown = _shown(store)
    marts = _reader_of_marts(store, sources, shown)
    in_doubt = _is_unfinished(store, shown, day)
    model, table = history_model()
    newest = {name: history.newest_day(commit, format_day(day)) for name, commit in commits.items()}
    every_day = (
        history.days_of(model, commits[table].files, _listed_days(store, model, in_doubt=in_doubt))
        if table in commits
        else []
    )
    days, left_out = unbuildable.leave_out(
        sources, every_day, tested=newest.get(table, ""), known={name: each.files for name, each in commits.items()}
    )
    unread = history.unread_parts(every_day, days, newest.get(table, ""))
    wanted = [file for each in commits.values() for file in each.files if file.key not in unread]
    build = uuid4().hex
    restored = restore_parts(store, sources, wanted, day=day, build=build)
    history.write_day_inputs(store, days)
    before = next(
        (each for each in pointer.by_day(store) if each.day < day and _is_whole(store, each, in_doubt=in_doubt)), None
    )
    files = [
        (commit, ordinal, file)
        for commit in commits.values()
        for ordinal, file in enumerate(commit.files)
        if file.key not in unread
    ]
    known = _known_commits(store, shown)
    figures = [
        each
        for entity in entities
        if str(entity) in commits
        for each in commit_inputs(sources, entity, commits[str(entity)], day=day, known=known)
    ]
    fed = commits.get(changes.FED)
    steps, changed = changes.feed_inputs(store, fed, figures, day=day) if fed else ((), ())
    return Inputs(
        run=(RunInput(day=day, run_id=run_id, build=build, previous=before.generation if before else None),),
        sources=tuple(
            SourceInput(**shared_fields(commit, SourceInput), newest_day=newest[name])
            for name, commit in commits.items()
        ),
        absent=tuple(
            AbsentInput(source=e.source, entity=e.name, reason=broken.get(str(e)))
            for e in entities
            if str(e) not in commits
        ),
        files=tuple(
            FileInput(
                source=commit.source,
                entity=commit.entity,
                ordinal=ordinal,
                url=restored.get(file.key) or sources.url(file.key),
                partition=file.partition,
                rows=file.rows,
                is_newest=day_of_partition(file.partition) == newest[str(commit.table)],
            )
            for commit, ordinal, file in files
        ),
        claims=tuple(claim for each in files for claim in _claims(*each)),
        previous=tuple(
            PreviousMart(name=mart.name, url=(store if mart.is_restricted else marts).url(mart.key))
            for mart in before.marts
        )
        if before
        else (),
        days=tuple(each.as_input(commits[table].table, marts) for each in days),
        days_left_out=tuple(left_out),
        commits=tuple(figures),
        model_runs=tuple(runs_between(store, before.day if before else None, day)),
        feed_steps=steps,
        feed_files=changed,
    )


def _claims(commit: Manifest, ordinal: int, file: Part) -> Iterator[ClaimInput]:
    for claim in file.claims:
        yield ClaimInput(
            source=commit.source,
            entity=commit.entity,
            ordinal=ordinal,
            partition=file.partition,
            low=claim.low,
            high=claim.high,
        )


def _shown(store: Store) -> Generation | None:
    """Return the generation that readers have; a lost pointer is first written again, from the newest publication."""
    if shown := pointer.current(store):
        return shown
    with suppress(ObjectNotFoundError, DocumentError):  # what it shows is lost too
        pointer.refresh(store)
    return pointer.current(store)


def _reader_of_marts(store: Store, sources: ReadableStore, shown: Generation | None) -> ReadableStore:
    """Return where a build reads earlier marts: where they are written, or the CDN if it serves this very lake.

    It does if it has the document of the shown generation, byte by byte: that has the run, its time and all hashes.
    """
    if shown is None:
        return store
    record = f"{shown.generation}/{RECORD}"
    try:
        return sources if sources.get(record) == store.get(record) else store
    except ObjectNotFoundError:
        return store


def _is_unfinished(store: Store, shown: Generation | None, day: date) -> bool:
    """Whether a build of a day, or of one that readers lack, began after the shown one and did not end."""
    if shown is None:
        return False
    infos = [
        *store.list("marts/dt=", after=f"marts/dt={format_day(shown.day)}"),
        *store.list(f"marts/dt={format_day(day)}/"),
    ]
    begun = {
        info.key.removesuffix(INPUTS)
        for info in infos
        if info.key.endswith(f"/{INPUTS}") and info.modified.replace(microsecond=0) > shown.built_at  # whole seconds
    }
    return bool(begun - {info.key.removesuffix(RECORD) for info in infos})


def _is_whole(store: Store, generation: Generation, *, in_doubt: bool) -> bool:
    """Whether the files of an earlier day are there: a lost one must not stop the nights after it."""
    lost = _lost(store, f"{generation.generation}/", generation.marts, in_doubt=in_doubt)
    if lost:
        log.warning("%s is not compared with: %s is missing or damaged", generation.generation, lost[0])
    return not lost


def _listed_days(store: Store, model: str, *, in_doubt: bool) -> Sequence[HistoryDay]:
    """Return the days that the shown generation lists and that are there: they need not be built again.

    If its listing is lost or damaged, those of the generation before it.
    """
    for generation in pointer.by_day(store):
        try:
            days = read(store, generation.history, History).days
        except (ObjectNotFoundError, DocumentError) as error:
            log.warning("%s is not used, so some days are built again: %s", generation.history, error)
            continue
        lost = _lost(store, history.folder(model), days, in_doubt=in_doubt)
        for key in lost:
            log.warning("%s is missing or damaged; the day is built again", key)
        return [day for day in days if day.key not in lost]
    return ()


def _lost(
    store: Store, folder: str, files: Sequence[HistoryDay] | Sequence[PublishedMart], *, in_doubt: bool
) -> list[str]:
    """Return the keys of files that are missing, or have another size or, if in doubt, other bytes than listed."""
    sizes = {info.key: info.size for info in store.list(folder)}
    whole = [each for each in files if sizes.get(each.key) == each.bytes]
    if in_doubt and whole:
        log.info("a build did not end: %d files in %s are compared with their hashes", len(whole), folder)
        with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
            hashes = list(threads.map(lambda each: _hash(store, each.key), whole))
        whole = [each for each, found in zip(whole, hashes, strict=True) if found == each.sha256]
    there = {each.key for each in whole}
    return [each.key for each in files if each.key not in there]


def _hash(store: Store, key: str) -> str:
    digest = hashlib.sha256()
    with store.open(key) as stream:
        while data := stream.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _known_commits(store: Store, shown: Generation | None) -> Sequence[CommitInput]:
    """Return the commits that the shown generation lists: they need not be read again."""
    try:
        return read(store, f"{shown.generation}/{INPUTS}", Inputs).commits if shown else ()
    except (ObjectNotFoundError, DocumentError):  # only a copy of what the manifests have
        return ()

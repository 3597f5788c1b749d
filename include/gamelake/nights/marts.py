"""What became of the marts of one night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.days import format_day
from gamelake.marts.documents import Action
from gamelake.nights.documents import MartsFacts, MartsStatus
from gamelake.nights.wording import text
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from gamelake.marts.documents import Generation
    from gamelake.nights.documents import LoadFacts
    from gamelake.nights.records import Build, Records


def is_of_run(build: Build, folder: str) -> bool:
    """Whether a run made a build. A repeated run opens a folder with a number at its end."""
    name = build.key.rpartition("/")[2]
    return name == folder or (name.startswith(f"{folder}-") and name[len(folder) + 1 :].isdigit())


def facts(
    records: Records,
    day: date,
    *,
    loads: Sequence[LoadFacts],
    is_late: bool,
    builds: Sequence[Build] | None = None,
) -> MartsFacts:
    """Return what became of the marts of a night.

    Args:
        records: The documents of the lake.
        day: The night.
        loads: Its loads.
        is_late: Whether marts that are missing are late.
        builds: The builds of one run; by default all of the day.
    """
    made = records.builds.get(day, ()) if builds is None else builds
    keys = {each.key for each in made}
    moves = [
        each
        for each in records.publications
        if each.day == day and each.action is Action.PUBLISH and (builds is None or each.generation in keys)
    ]
    move = moves[0] if moves else None
    build = next((each for each in made if move and each.key == move.generation), made[-1] if made else None)
    key = move.generation if move else build.key if build else None
    record = build.record if build else None
    status = _status(build, is_published=move is not None, is_late=is_late)
    started = build.started_at if build else None
    if started and record and started > record.built_at:
        started = None  # the time of an object that was restored or copied
    is_shown = bool(records.shown and records.shown.generation == key)
    note = _note(records, day, status, loads, record=record, is_late=is_late, is_shown=is_shown)
    return MartsFacts(
        status=status,
        **(note.fields("note") if note else {}),
        generation=key,
        run_id=record.run_id if record else move.by if move else None,
        started_at=started,
        built_at=record.built_at if record else None,
        published_at=move.at if move else None,
        is_shown=is_shown,
        marts=len(record.marts) if record else None,
        rows=sum(mart.rows for mart in record.marts) if record else None,
        builds=len(made),
    )


def warnings(records: Records, day: date, built: MartsFacts) -> Iterator[Words]:
    """Yield what a person should look at: a rollback, and a history that is without this day."""
    if built.status is MartsStatus.PUBLISHED and built.note:
        yield Words(built.note, built.note_ko or "")
    if records.shown and (reason := records.shown.days_left_out.get(format_day(day))):
        yield text("warning.left_out", reason=reason)
    record = next((each.record for each in records.builds.get(day, ()) if each.key == built.generation), None)
    yield from _tables_left_out(record)


def warnings_of_build(build: Build) -> Iterator[Words]:
    """Yield the days and the tables that a build had to leave out."""
    for day, reason in (build.record.days_left_out if build.record else {}).items():
        yield text("warning.left_out_day", day=day, reason=reason)
    yield from _tables_left_out(build.record)


def _tables_left_out(record: Generation | None) -> Iterator[Words]:
    for table, reason in (record.tables_left_out if record else {}).items():
        yield text("warning.left_out_table", table=table, reason=reason)


def _status(build: Build | None, *, is_published: bool, is_late: bool) -> MartsStatus:
    if is_published:
        return MartsStatus.PUBLISHED
    if build is None:
        return MartsStatus.MISSING if is_late else MartsStatus.WAITING
    if build.finished:
        return MartsStatus.BUILT
    return MartsStatus.UNFINISHED if is_late else MartsStatus.WAITING


def _note(
    records: Records,
    day: date,
    status: MartsStatus,
    loads: Sequence[LoadFacts],
    *,
    record: Generation | None,
    is_late: bool,
    is_shown: bool,
) -> Words | None:
    """Return why readers do not have the marts of a night; None if they have them, or had them."""
    if status is MartsStatus.PUBLISHED:
        newest = records.publications[0]
        if not is_shown and newest.action is Action.ROLLBACK and newest.day <= day:
            return text("marts.rolled_back", day=newest.day, reason=newest.reason or text("marts.no_reason"))
        return None
    if status is MartsStatus.BUILT:
        return _why_not_published(records, day, record)
    if status is MartsStatus.UNFINISHED:
        return text("marts.unfinished")
    missing = [each.table for each in loads if each.is_required and each.commit is None]
    if missing:
        return text("marts.waited" if is_late else "marts.waits", tables=", ".join(missing))
    return text("marts.not_built" if is_late else "marts.not_built_yet")


def _why_not_published(records: Records, day: date, record: Generation | None) -> Words:
    """Return why marts that are built were not published, by what readers had when they were."""
    had = next((each.day for each in records.publications if record and each.at <= record.built_at), None)
    if had is None or had < day:
        return text("marts.built_waits")
    return text("marts.built_older", day=had) if had > day else text("marts.built")

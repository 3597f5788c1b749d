"""`gamelake marts`: which generation of the marts readers see, and how to change it; at `GAMELAKE_URI`."""

from __future__ import annotations

import getpass
import os
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli.arguments import korean_day
from gamelake.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.marts.documents import Publication
    from gamelake.marts.rollback import ListedGeneration

_GENERATION_HEADER = ("", "day", "built (KST)", "rows", "MB", "published", "generation")
_LOAD_HEADER = ("table", "day", "committed (KST)", "hours ago", "verdict")

group = typer.Typer(help="Look at the marts, and choose the build that readers see.", no_args_is_help=True)


def _reason(text: str | None) -> str | None:
    """Return why a person changes what readers see. Raises: typer.BadParameter."""
    if text is not None and not text.strip():
        raise typer.BadParameter(f"found {text!r}, expected a text, or no --reason")
    return text


Reason = Annotated[str | None, typer.Option(metavar="TEXT", callback=_reason, help="Why; kept with the publication.")]


@group.command("list")
def list_generations() -> None:
    """List every finished build of the marts, the newest first."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.marts import pointer, rollback
    from gamelake.marts.documents import POINTER, RECORD

    store = command_store()
    found, last = rollback.generations(store), pointer.newest(store)
    if not found and not last:
        print(f"{place_of(store)}: no generation is finished yet; run the DAG `transform`, or `make run`")
        return
    print(place_of(store))
    if found:
        print(table(_GENERATION_HEADER, map(_generation_line, found), sys.stdout))
    for line in (line for each in found if each.is_shown for line in _left_out(each.document.tables_left_out)):
        print(f"\n{line}")
    if last:
        wrong = pointer.difference(store, last)
        if not any(each.is_shown for each in found):
            restore = "restore it from a backup" if wrong else f"copy {POINTER} to it, or restore it from a backup"
            print(f"\n{last.generation}/{RECORD} is lost or damaged, so the list lacks what is shown: {restore}.")
        if wrong:
            shows = f"publication {last.number} shows {last.generation}"
            print(f"\n{POINTER} {wrong}, and {shows}: `{pointer.repair(store, last)}` writes it again.")
        else:
            print(f"\nReaders have {last.generation} since {_kst(last.at)} KST: {_story(last)}.")
        if lost := pointer.lost(store):
            key = pointer.publication_key(lost.number)
            print(f"{key} is lost: `{pointer.repair(store, lost)}`, or the next publication, creates it from its copy.")


@group.command()
def freshness() -> int:
    """Show how old the published loads are; exit status 1 if one is stale, but for sources that may be off."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.marts import freshness

    store = command_store()
    found = freshness.published(store)
    loads = found.loads
    rows = [(each.table, each.day, _kst(each.committed_at), f"{each.hours:,.1f}", each.verdict) for each in loads]
    stale, late, fresh = (sum(each.verdict == verdict for each in loads) for verdict in ("stale", "late", "fresh"))
    print(place_of(store))
    print(f"Readers have {found.day}, published {_kst(found.since)} KST: {found.generation}\n")
    print(table(_LOAD_HEADER, rows, sys.stdout))
    applied = sum(each.is_applied for each in loads)
    changes = f"; of {applied} tables all changes are applied" if applied else ""
    counts = f"{fresh} fresh, {late} late{' (a load is missing)' if late else ''}"
    counts += f", {stale} stale{' (two loads are missing)' if stale else ''}"
    print(f"\n{len(loads) - applied} loads: {counts}{changes}")
    for source, tables in groupby(found.absent, key=lambda table: table.partition(".")[0]):
        print(f"{source.upper()} is off, or was not loaded yet. Read as empty: {', '.join(tables)}")
    for line in _left_out(found.left_out):
        print(line)
    if any(each.is_optional and each.verdict == "stale" for each in loads):
        print("The exit status leaves out sources that may be off (GAMELAKE_OPTIONAL_SOURCES).")
    return 1 if any(each.verdict == "stale" and not each.is_optional for each in loads) else 0


def generation_key(name: str | None) -> str | None:
    """Return the day or the key of a generation. Raises: typer.BadParameter."""
    from gamelake.lake.store import InvalidKeyError, check_key

    try:
        if name is not None:
            check_key("read", name.strip("/"))
    except InvalidKeyError:
        expected = "expected a Korean day as YYYY-MM-DD, or a key that `make generations` lists"
        raise typer.BadParameter(f"found {name!r}, {expected}") from None
    return name.strip("/") if name else name


@group.command("rollback")
def roll_back(
    generation: Annotated[
        str | None,
        typer.Argument(
            metavar="GENERATION",
            callback=generation_key,
            show_default=False,
            help="Its key or its Korean day. Default: what readers had before the newest publication.",
        ),
    ] = None,
    reason: Reason = None,
) -> int:
    """Show readers an earlier build."""
    from gamelake.cli.store import command_store
    from gamelake.marts.rollback import rollback

    store = command_store()
    wrong = _pointer_fault(store)
    now, is_moved = rollback(store, generation, by=_login(), reason=reason)
    return _tell(store, now, is_moved=is_moved, wrong=wrong)


@group.command("rollforward")
def roll_forward(reason: Reason = None) -> int:
    """Show readers the newest publication again."""
    from gamelake.cli.store import command_store
    from gamelake.marts.rollback import rollforward

    store = command_store()
    wrong = _pointer_fault(store)
    now, is_moved = rollforward(store, by=_login(), reason=reason)
    return _tell(store, now, is_moved=is_moved, wrong=wrong)


@group.command("build-on-spark")
def build_on_spark(
    date: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            callback=korean_day,
            show_default=False,
            help="Build and publish this Korean day. Default: the newest that was loaded.",
        ),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(metavar="KEY", callback=generation_key, help="Build this open generation, and publish nothing."),
    ] = None,
) -> None:
    """Build the marts on Spark; `GAMELAKE_SPARK_MASTER` names the cluster."""
    from gamelake.lake.factory import lake_uri, open_store, place_of
    from gamelake.marts import spark

    if date and generation:
        raise typer.BadParameter("found --date and --generation, expected one of them")
    store = open_store(lake_uri())
    if generation:
        if not any(store.list(f"{generation}/")):
            raise typer.BadParameter(f"found no generation {generation!r} in {place_of(store)}, expected an open one")
        spark.build(store, generation)
    else:
        outcome = spark.build_and_publish(store, date)
        built = outcome.generation
        print(f"{built.generation}: {len(built.marts)} marts {outcome.reason or 'published'}")


def _left_out(tables: Mapping[str, str]) -> Iterator[str]:
    for name, reason in tables.items():
        yield f"{name} is broken, and its rows are not in these marts: {reason}. `gamelake lake audit {name}` has more."


def _generation_line(generation: ListedGeneration) -> tuple[str, ...]:
    document, publication = generation.document, generation.publication
    return (
        "->" if generation.is_shown else "",
        str(document.day),
        _kst(document.built_at),
        f"{sum(mart.rows for mart in document.marts):,}",
        f"{sum(mart.bytes for mart in document.marts) / 1_000_000:,.1f}",
        f"{publication.number} ({publication.action})" if publication else "never",
        document.generation,
    )


def _pointer_fault(store: Store) -> str | None:
    """Return what is wrong with the pointer before a command that writes it, None if nothing is."""
    from gamelake.marts import pointer

    last = pointer.newest(store)
    return pointer.difference(store, last) if last else None


def _tell(store: Store, now: Publication, *, is_moved: bool, wrong: str | None) -> int:
    """Tell the person and the CDN what readers have now. Returns: the exit status."""
    if not is_moved and wrong:
        print(f"The pointer was written again: before, it {wrong}. Readers have {now.day}, {now.generation}.")
    elif not is_moved:
        print(f"No change: readers already have {now.day}, {now.generation}, since {_kst(now.at)} KST ({_story(now)}).")
        print("The pointer and the copies of its marts at fixed paths were written again.")
    else:
        before = f", in place of {now.replaced}" if now.replaced else ""
        print(f"Readers now have {now.day}, {now.generation}{before} ({_story(now)}).")
        print(
            "It stays until `transform` publishes this day or a later one again: pause that DAG to prevent it."
            if now.action == "rollback"
            else "If you paused the DAG `transform`, unpause it now."
        )
        _tell_left_copies(store, now)
    return _invalidate(store, now)


def _tell_left_copies(store: Store, now: Publication) -> None:
    """Name the copies at fixed paths that are not of the build that readers have now."""
    from gamelake.marts import pointer
    from gamelake.marts.rollback import left_copies

    others = [now.replaced] if now.replaced else []
    for info in left_copies(store, pointer.record_of(store, now.generation), others):
        print(f"{info.key} is still that of {now.replaced}: this build has no such mart. `lake_audit` removes it.")


def _invalidate(store: Store, now: Publication) -> int:
    """Tell the CDN, if the lake has one. Returns: the exit status."""
    if not store.uri.startswith("s3://"):
        return 0
    from gamelake.airflow.stores import invalidate_changed
    from gamelake.marts import pointer
    from gamelake.marts.generation import changed_keys

    keys = changed_keys(pointer.record_of(store, now.generation))
    try:
        invalidate_changed(keys, change=f"publication {now.number} of {now.generation}")
    except Exception as error:  # noqa: BLE001 - Airflow's database, AWS: the pointer has moved in any case
        print(f"The pointer has moved, but the CDN was not told: {error}\nRun the same command again.", file=sys.stderr)
        return 1
    return 0


def _story(publication: Publication) -> str:
    because = f": {publication.reason}" if publication.reason else ""
    return f"publication {publication.number}, {publication.action} by {publication.by}{because}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def _kst(moment: datetime) -> str:
    from gamelake.days import KST

    return f"{moment.astimezone(KST):%Y-%m-%d %H:%M}"

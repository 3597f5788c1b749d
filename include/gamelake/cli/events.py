"""`gamelake events`: the inbox of the lake at `GAMELAKE_URI`, and what of it is applied to the tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli import arguments
from gamelake.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.inbox import InboxPart
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

_FIRST_LOAD = "the first load of the table"
_SNAPSHOT = (
    "the end of a snapshot: the capture reads all tables, or ended while it did. Look at its log "
    "(docs/guides/runbooks/capture-stops.md)"
)
_HEADER = ("table", "applied part", "parts that wait", "oldest", "bytes")

OneTable = Annotated[
    str | None,
    typer.Argument(metavar="TABLE", callback=arguments.table, show_default=False, help="Only this table."),
]

group = typer.Typer(help="Show the events of the inbox, and apply them to the tables.", no_args_is_help=True)


@group.command("list")
def waiting(name: OneTable = None) -> int:
    """List the tables that have an inbox, and how much of it is not applied yet."""
    from gamelake.cli.left_out import LeftOut
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of

    store = command_store()
    lines = []
    left_out = LeftOut()
    for each in _entities(name):
        with left_out.of(each):
            for entity, through, parts in _inboxes(store, str(each)):
                oldest = f"{store.info(parts[0].key).modified:%Y-%m-%d %H:%M:%S}" if parts else "-"
                size = f"{sum(part.bytes for part in parts):,}"
                lines.append((str(entity), str(through) if through else "-", f"{len(parts):,}", oldest, size))
    status = left_out.tell()
    print(place_of(store))
    if lines:
        print(table(_HEADER, lines, sys.stdout))
    elif not status:
        print("No table has events.")
    return status


@group.command()
def apply(
    name: OneTable = None,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Let events delete more rows than one load may remove.")
    ] = False,
) -> None:
    """Apply the events that wait to their tables, as the DAG apply_events does."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.load.apply_events import apply_all
    from gamelake.paths import airflow_command

    store = command_store()
    outcome = apply_all(store, _entities(name), allow_shrink=allow_shrink)
    for each in outcome.applied:
        print(each)
    outcome.check()
    # A table that takes events may have got others meanwhile: these wait for nothing.
    waiting = [(entity, parts) for entity, at, parts in _inboxes(store, name) if parts and not (entity.has_load and at)]
    for entity, parts in waiting:
        print(f"{entity}: {len(parts):,} parts wait for {_FIRST_LOAD if entity.has_load else _SNAPSHOT}")
    changed = {str(entity) for entity in _entities(name) if not entity.has_load}
    if outcome.applied and all(each.table in changed for each in outcome.applied):
        print("The marts show these rows with the next build, by the DAG transform.")
    elif outcome.applied:
        print(
            "The marts show these rows after the next nightly load. To build them now, run transform with fresh=true: "
            f"`{airflow_command()} dags test transform --conf '{{\"fresh\": true}}'`"
        )
    elif not waiting:
        print(f"{place_of(store)}: no event waits")


def _inboxes(store: Store, name: str | None) -> Iterator[tuple[Entity, int, list[InboxPart]]]:
    """Yield the entities that have an inbox, each with the last part that is applied and the parts after it."""
    from gamelake.lake.inbox import Inbox
    from gamelake.lake.table import Table
    from gamelake.load.inbox_batch import unapplied

    for entity in _entities(name):
        if next(Inbox(store, entity.table).parts(), None) is not None:
            yield entity, *unapplied(store, entity, newest=Table(store, entity.table).latest())


def _entities(name: str | None) -> list[Entity]:
    from gamelake.load.apply_events import takes_events
    from gamelake.registry import load_entities

    return [entity for entity in load_entities() if takes_events(entity) and name in {None, str(entity)}]

"""`gamelake feed`: the change feeds of the lake at `GAMELAKE_URI`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli import arguments, feed_publish
from gamelake.cli.arguments import chosen_entity
from gamelake.tables import table

if TYPE_CHECKING:
    from gamelake.feeds.documents import Step
    from gamelake.registry import Entity

_STEP_HEADER = ("table", "version", "from", "partition", "created", "updated", "deleted", "bytes", "in words")

group = typer.Typer(help="Show what changed in the tables, row by row.", no_args_is_help=True)


def _fed_table(name: str | None) -> str | None:
    """Return the name of a table that has a feed. Raises: typer.BadParameter."""
    from gamelake.feeds.feed import has_feed

    if arguments.table(name) and name is not None and not has_feed(chosen_entity(name)):
        raise typer.BadParameter(f"found {name!r}, expected no time series: each of its days is new, and is kept whole")
    return name


OneTable = Annotated[
    str | None, typer.Argument(metavar="TABLE", callback=_fed_table, show_default=False, help="Only this table.")
]
TheTable = Annotated[str, typer.Argument(metavar="TABLE", callback=_fed_table, help="The table.")]


@group.command("list")
def list_steps(
    name: OneTable = None,
    limit: Annotated[int, typer.Option(metavar="STEPS", min=1, help="The most steps of one table.")] = 20,
) -> int:
    """List the steps of a table's feed; without a table the newest step of each."""
    from gamelake.cli.left_out import LeftOut
    from gamelake.cli.store import command_store
    from gamelake.feeds.feed import Feed
    from gamelake.lake.factory import place_of
    from gamelake.lake.table import Table

    store = command_store()
    lines: list[tuple[str, ...]] = []
    behind: list[str] = []
    left_out = LeftOut()
    for entity in _fed_entities(name):
        with left_out.of(entity):
            feed = Feed(store, entity.table)
            numbers = feed.numbers()
            for number in numbers[-limit:] if name else numbers[-1:]:
                lines.append(_step_line(feed.read(number)))
            newest = Table(store, entity.table).latest()
            done = feed.read(numbers[-1]).to_version if numbers else 0
            if newest is not None and newest.version > done:
                first = f"versions {done + 1} to" if newest.version > done + 1 else "version"
                behind.append(f"{entity}: not in the feed yet: {first} {newest.version}")
    status = left_out.tell()
    print(place_of(store))
    if lines:
        print(table(_STEP_HEADER, lines, sys.stdout))
    for line in behind:
        print(line)
    if behind:
        print("`gamelake feed make` makes these steps, and so does the next run of `transform`.")
    elif not lines and not status:
        print("No table has a commit yet.")
    return status


@group.command()
def show(
    name: TheTable,
    version: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="The version after the changes; the newest by default.")
    ] = None,
    row_id: Annotated[int | None, typer.Option("--id", metavar="ID", min=0, help="Only this row, of any step.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="ROWS", min=0, help="The most changes. Default: 50; all of them with --json or --id."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each change as its line of JSON.")] = False,
) -> None:
    """Show the changes of a version in words; or everything that happened to a row."""
    from gamelake.cli.store import command_store
    from gamelake.feeds.envelope import read_change
    from gamelake.feeds.feed import Feed, read_changes
    from gamelake.feeds.wording import change_in_words, step_in_words

    store = command_store()
    steps = _steps(name, list(Feed(store, chosen_entity(name).table).steps()), version, newest=row_id is None)
    if limit is None and not json and row_id is None:
        limit = arguments.SHOWN_ROWS
    shown = 0
    for step in steps:
        changes = 0
        if not json and row_id is None:
            print(f"{name} version {step.to_version} of {step.partition}: {step_in_words(step)}")
        for line in read_changes(store, step):
            if row_id is not None and read_change(line).id != row_id:
                continue
            if shown == limit:
                break
            shown, changes = shown + 1, changes + 1
            if json:
                print(line.decode().rstrip("\n"))
            else:
                when = f"version {step.to_version} of {step.partition}: " if row_id is not None else "  "
                print(f"{when}{change_in_words(read_change(line))}")
        if not json and row_id is None and changes < step.rows:
            print(f"  and {step.rows - changes:,} more: --limit {step.rows}")
    if row_id is not None and not shown and limit != 0:
        since = f"versions {steps[0].from_version or steps[0].to_version} to {steps[-1].to_version}"
        print(f"{name}: nothing happened to {row_id} in the steps of {since}", file=sys.stderr)


@group.command()
def make(name: OneTable = None) -> None:
    """Make the steps that feeds lack, as `transform` does each night."""
    from gamelake.cli.store import command_store
    from gamelake.feeds.feed import Feed, make_all, summary
    from gamelake.lake.factory import place_of

    store, entities = command_store(), _fed_entities(name)
    made = make_all(store, entities)
    for step in made:
        print(f"{step.source}.{step.entity}: {summary(step)}")
    if made:
        return
    if any(Feed(store, entity.table).numbers() for entity in entities):
        print("Every feed has the steps of all commits.")
    else:
        print(f"{place_of(store)}: nothing is committed yet, so there is no step to make")


@group.command()
def check(
    name: TheTable,
    since: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="The version to begin with; the oldest by default.")
    ] = None,
    until: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="The version to end with; the newest by default.")
    ] = None,
) -> int:
    """Apply the feed to an earlier version of the table, and compare the result with a later one."""
    from gamelake.cli.store import command_store
    from gamelake.feeds.check import check_feed

    report = check_feed(command_store(), chosen_entity(name), since=since, until=until)
    print(
        f"{name}: {report.changes:,} changes of {report.steps} steps applied to version {report.from_version}: "
        f"{report.rows:,} rows, compared with version {report.to_version}"
    )
    for line in report.examples:
        print(f"  {line}")
    print(f"{report.differing:,} differences" if report.differing else "They are the same.")
    return 1 if report.differing else 0


group.command("publish")(feed_publish.publish)


def _steps(name: str, steps: list[Step], version: int | None, *, newest: bool) -> list[Step]:
    """Return the step of a version; without one the newest, or all. Raises: FeedError, if there is none."""
    from gamelake.feeds.documents import FeedError

    if not steps:
        raise FeedError(f"{name}: feed", "no step", f"one: load the table, then `gamelake feed make {name}` makes it")
    if version is None:
        return steps[-1:] if newest else steps
    found = [step for step in steps if step.to_version == version]
    if not found:
        expected = f"a version at which a step ends. `gamelake feed list {name}` lists them"
        raise FeedError(f"{name}: version", version, expected)
    return found


def _fed_entities(name: str | None) -> list[Entity]:
    from gamelake.feeds.feed import has_feed
    from gamelake.registry import load_entities

    return [entity for entity in load_entities() if has_feed(entity) and name in {None, str(entity)}]


def _step_line(step: Step) -> tuple[str, ...]:
    from gamelake.feeds.wording import step_in_words

    words = step_in_words(step) if step.reason is None else f"{step_in_words(step)} ({step.reason})"
    return (
        f"{step.source}.{step.entity}",
        str(step.to_version),
        "-" if step.from_version is None else str(step.from_version),
        step.partition,
        f"{step.created:,}",
        f"{step.updated:,}",
        f"{step.deleted:,}",
        f"{sum(part.bytes for part in step.files):,}",
        words,
    )

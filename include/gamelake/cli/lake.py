"""`gamelake lake`: look at the lake at `GAMELAKE_URI`, and keep it tidy.

`show` reads through `GAMELAKE_CDN_URL` if that is set.
"""

from __future__ import annotations

import sys
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.cli import arguments
from gamelake.cli.arguments import chosen_entity, chosen_tables, korean_day
from gamelake.tables import table
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.findings import Finding
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.rejected import RejectedRow
    from gamelake.maintenance.compaction import CompactedMonth
    from gamelake.maintenance.restore import RestoreReport

_COMMIT_HEADER = (
    "table",
    "version",
    "partition",
    "mode",
    "rows",
    "source",
    "unproven",
    "files",
    "bytes",
    "committed (UTC)",
    "run",
)
_FINDING_HEADER = ("problem", "bytes", "modified (UTC)", "object", "why")
_MONTH_HEADER = ("table", "month", "outcome", "parts", "rows", "as text", "bytes before", "bytes after", "seconds")
_REJECTED_HEADER = ("table", "day", "id", "reason", "load committed", "rejected (UTC)", "object")
_PROGRESS_SECONDS = 5
_RULE_HEADER = ("rule", "prefix", "applies to", "days")

group = typer.Typer(help="Look at the lake, and keep it tidy.", no_args_is_help=True)

OneTable = Annotated[
    str | None, typer.Argument(metavar="TABLE", callback=arguments.table, show_default=False, help="Only this table.")
]


def _hours(hours: int) -> int:
    """Return an age that is safe for an audit. Raises: typer.BadParameter."""
    from gamelake.maintenance.audit import MAX_ORPHAN_HOURS, MIN_ORPHAN_HOURS

    if not MIN_ORPHAN_HOURS <= hours <= MAX_ORPHAN_HOURS:
        raise typer.BadParameter(
            f"found {hours}, expected {MIN_ORPHAN_HOURS} to {MAX_ORPHAN_HOURS}: a load may use younger objects"
        )
    return hours


@group.command()
def show(name: OneTable = None) -> int:
    """Show the newest commits."""
    from gamelake.cli.left_out import LeftOut
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.lake.https import open_cdn
    from gamelake.lake.table import open_table

    store = open_cdn() or command_store()
    found: list[Manifest] = []
    left_out = LeftOut()
    for each in chosen_tables(name):
        with left_out.of(each):
            commits = open_table(store, each)
            for commit in islice(commits.history(), 10) if name else [commits.latest()]:
                found += [commit] if commit else []
    status = left_out.tell()
    if not found:
        nothing = f"nothing is committed of {name} yet" if name else "nothing is committed yet"
        print(f"{place_of(store)}: {'no commit can be read' if status else nothing}")
        return status
    print(place_of(store))
    _print_table(_COMMIT_HEADER, map(_commit_line, found))
    for commit in found:
        which = f"{commit.table} version {commit.version}"
        for one in commit.unproven:
            print(f"{which}: unproven: {one}, twice")
        if commit.shrink_allowed:
            print(f"{which}: it lost more rows than one load may remove; allow_shrink was set")
    return status


@group.command()
def lifecycle(
    apply: Annotated[bool, typer.Option("--apply", help="Set the rules, then check them.")] = False,
) -> None:
    """Check the lifecycle rules of the bucket."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.lake.lifecycle import apply_rules, check_rules, expected_rules
    from gamelake.lake.s3 import S3Store

    store = command_store()
    if not isinstance(store, S3Store):
        print(f"{place_of(store)}: lifecycle rules are S3's; on a disk nothing expires, and nothing is to be done")
        return
    if apply:
        apply_rules(store)
    else:
        check_rules(store)
    print(f"{place_of(store)}: the rules are in place")
    rules = expected_rules(store)
    what = {rule.id: f"status={rule.status}" if rule.status else "unfinished uploads" for rule in rules}
    _print_table(_RULE_HEADER, ((rule.id, rule.prefix, what[rule.id], str(rule.days)) for rule in rules))


@group.command()
def audit(
    name: OneTable = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the orphans that are old enough.")] = False,
    older_than_hours: Annotated[
        int, typer.Option(metavar="HOURS", callback=_hours, help="The age at which an orphan is old enough.")
    ] = 48,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the newest parts and the published marts, and compare hashes.")
    ] = False,
) -> int:
    """Find objects that are orphans, foreign, missing or damaged, and old events that were not applied."""
    from datetime import timedelta

    from gamelake.cli.store import command_store, is_empty
    from gamelake.lake.factory import place_of
    from gamelake.maintenance.audit import audit

    store = command_store()
    report = audit(
        store,
        chosen_tables(name),
        older_than=timedelta(hours=older_than_hours),
        remove=remove,
        verify=verify,
        marts=name is None,
    )
    if not report.findings:
        what = (
            "nothing is committed yet, so nothing was checked" if is_empty(store) else "every object is as it should be"
        )
        print(f"{place_of(store)}: {what}")
        return 0
    print(place_of(store))
    _print_table(_FINDING_HEADER, (_finding_line(finding, report.outcome(finding)) for finding in report.findings))
    left = len(report.orphans) - len(report.removed)
    print(
        f"{len(report.removed)} orphans removed, {left} left; {len(report.broken)} objects missing, damaged or unread"
    )
    if report.foreign:
        print(f"{len(report.foreign)} are foreign: nothing of gamelake reads them, and no command removes them")
    return 1 if report.broken else 0


def _copy_uri(uri: str) -> str:
    """Return the URI of a lake. Raises: typer.BadParameter."""
    from gamelake.lake.location import FolderLocation, LocationError, locate
    from gamelake.paths import file_in_place_of

    try:
        place = locate(uri)
    except LocationError as error:
        raise typer.BadParameter(f"found {without_secrets(uri)!r}: {error}") from error
    if isinstance(place, FolderLocation) and (there := file_in_place_of(place.folder)):
        raise typer.BadParameter(f"found a file at {there}, expected a folder")
    return uri


@group.command()
def restore(
    copy: Annotated[
        str, typer.Argument(metavar="URI", callback=_copy_uri, help="The copy: s3://bucket/prefix or file:///folder.")
    ],
    prefix: Annotated[
        str, typer.Option(metavar="PREFIX", help="Only keys that start with it, such as raw/igdb/popscore/.")
    ] = "",
) -> None:
    """Write what the lake lacks from a copy of it; replace nothing."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import open_store, place_of
    from gamelake.maintenance.restore import restore

    last = monotonic()

    def progress(report: RestoreReport) -> None:
        nonlocal last
        if monotonic() - last > _PROGRESS_SECONDS:
            last = monotonic()
            print(_restored(report), file=sys.stderr)

    store = command_store()
    report = restore(open_store(copy), store, prefix, progress=progress)
    print(f"{place_of(store)}: {_restored(report)}")
    for key in report.kept:
        print(f"kept as it was, although the copy differs: {key}")


def _restored(report: RestoreReport) -> str:
    done = report.written + report.present + len(report.kept)
    return (
        f"{done:,} of {report.objects:,} objects, {report.written:,} of them written "
        f"({report.written_bytes / 1e6:,.1f} MB)"
    )


@group.command()
def compact(
    name: OneTable = None,
    again: Annotated[
        bool, typer.Option("--again", help="Write the file of a month again, even if the month has one.")
    ] = False,
) -> int:
    """Put old months of time series into one Parquet file each."""
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.maintenance.compaction import MIN_AGE, Outcome, compact, is_compacted
    from gamelake.registry import load_entities

    wanted = chosen_tables(name)
    entities = [entity for entity in load_entities() if entity.table in wanted and is_compacted(entity)]
    if not entities:
        print(f"{name}: no time series: its loads replace its old parts, so it has no months to compact")
        return 0
    store = command_store()

    def log(line: str) -> None:
        print(line, file=sys.stderr)

    months = [month for entity in entities for month in compact(store, entity, again=again, log=log)]
    if not months:
        print(f"{place_of(store)}: no month ended {MIN_AGE.days} days ago or earlier")
        return 0
    print(place_of(store))
    _print_table(_MONTH_HEADER, map(_month_line, months))
    return 1 if any(month.outcome is Outcome.FAILED for month in months) else 0


@group.command()
def rejected(
    name: OneTable = None,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", callback=korean_day, help="Only loads of this Korean day.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="ROWS", min=0, help="The most rows of one table. Default: 50; all of them with --json."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each row as a line of JSON, as it was sent.")] = False,
) -> int:
    """List the rows that loads rejected, and why."""
    from gamelake.cli.left_out import LeftOut
    from gamelake.cli.store import command_store
    from gamelake.lake.factory import place_of
    from gamelake.lake.rejected import rejected_rows

    store = command_store()
    if limit is None and not json:
        limit = arguments.SHOWN_ROWS
    lines: list[tuple[str, ...]] = []
    left_out = LeftOut()
    for each in chosen_tables(name):
        rows: list[RejectedRow] = []
        with left_out.of(each):
            rows = list(rejected_rows(store, each, day))
        shown = rows[:limit]
        if json:
            _print_json(shown)
            continue
        lines += map(_rejected_line, shown)
        if len(shown) < len(rows):
            lines.append((str(each), "", "", f"and {len(rows) - len(shown):,} more: --limit {len(rows)}", "", "", ""))
    if lines:
        print(place_of(store))
        _print_table(_REJECTED_HEADER, lines)
    status = left_out.tell()
    if not lines and not json and not status:
        print(f"{place_of(store)}: no rejected rows are kept; they are kept for 30 days")
    return status


@group.command()
def replay(
    name: Annotated[str, typer.Argument(metavar="TABLE", callback=arguments.table, help="The table of the rows.")],
    day: Annotated[str | None, typer.Option(metavar="DAY", callback=korean_day, help="Only this Korean day.")] = None,
) -> None:
    """Check rejected rows again, and add those that pass now."""
    from gamelake.cli.store import command_store
    from gamelake.load.errors import LIST_COMMAND
    from gamelake.load.replay import replay

    outcomes = replay(command_store(), chosen_entity(name), day)
    for outcome in outcomes:
        print(outcome)
    if any(outcome.version for outcome in outcomes):
        print("The marts show these rows once `transform` has run again.")
    elif not any(outcome.refused for outcome in outcomes):
        print(f"{name}: no row to add; `{LIST_COMMAND.format(table=name)}` lists all")


def _commit_line(commit: Manifest) -> tuple[str, ...]:
    return (
        str(commit.table),
        str(commit.version),
        commit.partition,
        commit.mode,
        f"{commit.row_count:,}",
        "-" if commit.source_count is None else f"{commit.source_count:,}",
        f"{sum(one.difference for one in commit.unproven):,}",
        f"{len(commit.files):,}",
        f"{sum(file.bytes for file in commit.files):,}",
        f"{commit.committed_at:%Y-%m-%d %H:%M:%S}",
        commit.run_id,
    )


def _month_line(month: CompactedMonth) -> tuple[str, ...]:
    return (
        month.table,
        month.month,
        month.outcome,
        f"{month.parts:,}",
        f"{month.rows:,}",
        f"{month.rows_as_text:,}",
        f"{month.bytes_before:,}",
        f"{month.bytes_after:,}",
        f"{month.seconds:.1f}",
    )


def _finding_line(finding: Finding, outcome: str) -> tuple[str, ...]:
    modified = "" if finding.modified is None else f"{finding.modified:%Y-%m-%d %H:%M}"
    return (outcome, f"{finding.bytes:,}", modified, finding.key, finding.reason)


def _rejected_line(row: RejectedRow) -> tuple[str, ...]:
    return (
        str(row.table),
        row.day,
        "" if row.row_id is None else str(row.row_id),
        row.reason,
        "yes" if row.committed else "no",
        f"{row.time:%Y-%m-%d %H:%M:%S}",
        row.key,
    )


def _print_json(rows: Iterable[RejectedRow]) -> None:
    import orjson

    for row in rows:
        print(orjson.dumps(row.as_dict()).decode())


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(table(header, rows, sys.stdout))

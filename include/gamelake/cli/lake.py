"""The lake from a shell, at `GAMELAKE_URI` or `.local/lake`; `show` reads through `GAMELAKE_CDN_URL` if that is set.

python -m gamelake.cli.lake show [entity]          the newest commit of every table, or the newest ten of one
python -m gamelake.cli.lake lifecycle [--apply]    check the bucket's lifecycle rules, or set them and read them back
python -m gamelake.cli.lake audit [entity]         what lies there that nothing needs, and what is needed and not there
    [--remove] [--older-than-hours 48] [--verify]
python -m gamelake.cli.lake rejected [entity]      the rows that loads rejected, and why; of the newest load first
    [--day 2026-11-21] [--limit 50] [--json]
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from gamelake.cli.tables import table
from gamelake.days import PartitionError, format_day, parse_day
from gamelake.lake.https import open_cdn
from gamelake.lake.lifecycle import LifecycleError, apply_rules, check_rules, wanted_rules
from gamelake.lake.manifest import Manifest, ManifestError, open_table
from gamelake.lake.rejected import RejectedError, rejected_rows
from gamelake.lake.s3 import S3Store
from gamelake.lake.store import ReadableStore, Store, StoreError, lake_uri, open_store, place_of
from gamelake.maintenance.audit import LEAST_HOURS, audit
from gamelake.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.audit import Finding
    from gamelake.lake.rejected import RejectedRow

_COMMIT_HEADER = (
    "entity",
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
_REJECTED_HEADER = ("entity", "day", "id", "reason", "load committed", "rejected (UTC)", "object")
_RULE_HEADER = ("rule", "prefix", "applies to", "days")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns: the exit code; 1 if something is not as it should be, with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m gamelake.cli.lake", description="Look at the lake, and keep it tidy."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="the newest commits")
    show.add_argument("entity", nargs="?", choices=list(load_registry()), help="the newest commits of this table only")
    lifecycle = commands.add_parser("lifecycle", help="check the bucket's lifecycle rules")
    lifecycle.add_argument("--apply", action="store_true", help="set the rules, then check them")
    audited = commands.add_parser("audit", help="find orphans and what is missing or damaged")
    audited.add_argument("entity", nargs="?", choices=list(load_registry()), help="this table only, and no marts")
    audited.add_argument("--remove", action="store_true", help="remove the orphans that are old enough")
    audited.add_argument("--older-than-hours", type=_hours, default=48, metavar="HOURS", help="old enough; default 48")
    audited.add_argument("--verify", action="store_true", help="read the newest commits' parts, and compare hashes")
    rejected = commands.add_parser("rejected", help="the rows that loads rejected, and why")
    rejected.add_argument("entity", nargs="?", choices=list(load_registry()), help="of this table only")
    rejected.add_argument("--day", help="that loads of this Korean day rejected, such as 2026-11-21")
    rejected.add_argument("--limit", type=int, default=50, metavar="ROWS", help="the most rows of a table; default 50")
    rejected.add_argument("--json", action="store_true", help="each row as a line of JSON, with all that was sent")
    options = parser.parse_args(arguments)
    try:
        if options.command == "show":
            _show(open_cdn() or open_store(lake_uri()), options.entity)
        elif options.command == "audit":
            return _audit(open_store(lake_uri()), options)
        elif options.command == "rejected":
            _rejected(open_store(lake_uri()), options)
        else:
            _lifecycle(open_store(lake_uri()), apply=options.apply)
    except (StoreError, ManifestError, LifecycleError, RejectedError, PartitionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _show(store: ReadableStore, entity: str | None) -> None:
    if entity:
        commits: list[Manifest] = list(islice(open_table(store, entity).history(), 10))
    else:
        commits = [newest for name in load_registry() if (newest := open_table(store, name).latest())]
    if not commits:
        _say(f"{place_of(store)}: nothing is committed yet")
        return
    _say(place_of(store))
    _say(table(_COMMIT_HEADER, (_commit_line(commit) for commit in commits)))
    for commit in commits:
        which = f"{commit.entity} version {commit.version}"
        for one in commit.unproven:
            _say(f"{which}: unproven: {one}, twice")
        if commit.shrink_allowed:
            _say(f"{which}: it lost more rows than one load may remove; allow_shrink was set")


def _commit_line(commit: Manifest) -> tuple[str, ...]:
    return (
        commit.entity,
        str(commit.version),
        commit.partition,
        commit.mode,
        f"{commit.row_count:,}",
        f"{commit.source_count:,}",
        f"{sum(one.difference for one in commit.unproven):,}",
        f"{len(commit.files):,}",
        f"{sum(file.bytes for file in commit.files):,}",
        f"{commit.committed_at:%Y-%m-%d %H:%M:%S}",
        commit.run_id,
    )


def _lifecycle(store: Store, *, apply: bool) -> None:
    if not isinstance(store, S3Store):
        _say(f"{place_of(store)}: lifecycle rules are S3's; on a disk nothing expires, and nothing is to be done")
        return
    if apply:
        apply_rules(store)
    else:
        check_rules(store)
    _say(f"{place_of(store)}: the rules are in place")
    rules = wanted_rules(store)
    what = {rule.id: f"status={rule.status}" if rule.status else "unfinished uploads" for rule in rules}
    _say(table(_RULE_HEADER, ((rule.id, rule.prefix, what[rule.id], str(rule.days)) for rule in rules)))


def _audit(store: Store, options: argparse.Namespace) -> int:
    report = audit(
        store,
        [options.entity] if options.entity else load_registry(),
        older_than=timedelta(hours=options.older_than_hours),
        remove=options.remove,
        verify=options.verify,
        marts=options.entity is None,
    )
    if not report.findings:
        _say(f"{place_of(store)}: every object is as it should be")
        return 0
    _say(place_of(store))
    _say(table(_FINDING_HEADER, (_finding_line(finding, report.outcome(finding)) for finding in report.findings)))
    left = len(report.orphans) - len(report.removed)
    _say(f"{len(report.removed)} orphans removed, {left} left; {len(report.broken)} objects missing or damaged")
    return 1 if report.broken else 0


def _rejected(store: Store, options: argparse.Namespace) -> None:
    day = format_day(parse_day(options.day)) if options.day else None
    lines: list[tuple[str, ...]] = []
    for name in [options.entity] if options.entity else load_registry():
        rows = list(rejected_rows(store, name, day))
        shown = rows[: options.limit]
        if options.json:
            for row in shown:
                _say(orjson.dumps(row.as_dict()).decode())
            continue
        lines += [_rejected_line(row) for row in shown]
        if len(shown) < len(rows):
            lines.append((name, "", "", f"and {len(rows) - len(shown):,} more: --limit {len(rows)}", "", "", ""))
    if lines:
        _say(place_of(store))
        _say(table(_REJECTED_HEADER, lines))
    elif not options.json:
        _say(f"{place_of(store)}: no rejected rows are kept; they are kept for 30 days")


def _rejected_line(row: RejectedRow) -> tuple[str, ...]:
    return (
        row.entity,
        row.day,
        "" if row.row_id is None else str(row.row_id),
        row.reason,
        "yes" if row.committed else "no",
        f"{row.time:%Y-%m-%d %H:%M:%S}",
        row.key,
    )


def _finding_line(finding: Finding, outcome: str) -> tuple[str, ...]:
    modified = "" if finding.modified is None else f"{finding.modified:%Y-%m-%d %H:%M}"
    return (outcome, f"{finding.bytes:,}", modified, finding.key, finding.reason)


def _hours(text: str) -> int:
    if not text.isdecimal() or int(text) < LEAST_HOURS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {LEAST_HOURS} or more: a load may use them yet")
    return int(text)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())

"""`gamelake quality`: what checks of the published data found; at `GAMELAKE_URI`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gamelake.tables import table

if TYPE_CHECKING:
    from datetime import datetime

    from gamelake.lake.store import Store

_HEADER = ("", "state", "since (KST)", "check", "subject", "value", "expected")


def quality(
    check: Annotated[bool, typer.Option("--check", help="Check the data first, as the DAG data_quality does.")] = False,
) -> int:
    """List the findings about the published data; exit status 1 if one of severity P0 or P1 is open."""
    from gamelake.cli.store import command_store, is_empty
    from gamelake.lake.factory import place_of
    from gamelake.marts import findings
    from gamelake.marts.findings import Severity

    store = command_store()
    if check and is_empty(store):
        print(f"{place_of(store)}: nothing is committed yet, so nothing was checked")
        return 0
    if check:
        from datetime import UTC, datetime

        from gamelake.quality.check import check_lake
        from gamelake.registry import loaded_entities

        check_lake(store, loaded_entities(), now=datetime.now(UTC), afresh=True)
    report = findings.current(store)
    if report is None:
        print(f"{place_of(store)}: not checked yet; run the DAG `data_quality`, or this command with --check")
        return 0
    print(place_of(store))
    print(f"Checked {_kst(report.checked_at)} KST; {_readers(store, report.generation)}\n")
    rows = [
        (each.severity, each.state, _kst(each.since), each.check, each.subject, _shown(each.value), each.expected)
        for each in report.findings
    ]
    if rows:
        print(table(_HEADER, rows, sys.stdout))
        print()
    for each in report.findings:
        print(f"{each.severity} {each.id}: {each.message}")
    opened = [each.severity for each in report.findings if each.is_open]
    counts = ", ".join(f"{opened.count(severity)} {severity}" for severity in Severity)
    if opened:
        print(f"{len(opened)} open: {counts}")
    elif report.generation is None:
        print("No marts are published yet: only the loads were checked, and nothing is unusual in them.")
    else:
        print("Nothing is unusual.")
    return int(any(severity is not Severity.P2 for severity in opened))


def _readers(store: Store, checked: str | None) -> str:
    """Return what readers have, and whether it was checked: a rollback may have followed."""
    from gamelake.lake.documents import DocumentError
    from gamelake.marts import pointer

    try:
        shown = pointer.current(store)
    except DocumentError:  # the audit reports it
        return f"readers had {checked or 'no marts'}"
    now = shown.generation if shown else None
    if now == checked:
        return f"readers have {checked or 'no marts'}"
    return (
        f"readers had {checked or 'no marts'} then, and have {now or 'no marts'} now: `gamelake quality --check` "
        "checks what they have"
    )


def _kst(moment: datetime) -> str:
    from gamelake.days import KST

    return f"{moment.astimezone(KST):%Y-%m-%d %H:%M}"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.10g}"

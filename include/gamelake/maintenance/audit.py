"""The audit of a whole lake: tables, feeds, marts, findings, old incidents, events and positions, and what was left.

It names what is not the lake's too, and leaves it.

report = audit(store, [TableName("igdb", "games")], older_than=timedelta(hours=48), remove=True)
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.feeds.audit import audit_feed
from gamelake.incidents.audit import audit_incidents
from gamelake.lake.audit import audit_table
from gamelake.lake.disk import DiskStore
from gamelake.lake.findings import Finding, Problem
from gamelake.lake.inbox import audit_inbox
from gamelake.lake.lineage_events import audit_events
from gamelake.lake.manifest import ManifestError
from gamelake.lake.month_documents import month_of
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table
from gamelake.load.apply_events import takes_events
from gamelake.maintenance.foreign import audit_foreign
from gamelake.marts import pointer
from gamelake.marts.audit import audit_generations
from gamelake.quality.audit import audit_findings
from gamelake.registry import load_entities
from gamelake.topics.positions import audit_positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store

MIN_ORPHAN_HOURS = 24
"""Younger orphans may be parts of a load that is running or will be tried again."""
MAX_ORPHAN_HOURS = 24 * 366 * 10
"""The age beyond which no orphan can be: ten years."""


@dataclass(slots=True)
class AuditReport:
    """What an audit found, and which of the orphans it removed."""

    findings: list[Finding] = field(default_factory=list)
    removed: set[Finding] = field(default_factory=set)

    @property
    def orphans(self) -> list[Finding]:
        """Objects that nothing needs."""
        return [finding for finding in self.findings if finding.problem is Problem.ORPHAN]

    @property
    def foreign(self) -> list[Finding]:
        """Objects and folders that are not the lake's, which no audit removes."""
        return [finding for finding in self.findings if finding.problem is Problem.FOREIGN]

    def outcome(self, finding: Finding) -> str:
        """Return what became of a finding, in one word."""
        return "removed" if finding in self.removed else finding.problem.value

    @property
    def broken(self) -> list[Finding]:
        """Objects that a commit or the pointer needs, and that are missing or different; unread events."""
        return [finding for finding in self.findings if finding.problem not in {Problem.ORPHAN, Problem.FOREIGN}]


def audit(
    store: Store,
    tables: Iterable[TableName],
    *,
    older_than: timedelta,
    remove: bool,
    verify: bool = False,
    marts: bool = True,
    now: datetime | None = None,
) -> AuditReport:
    """Look at tables and, with `marts`, at what is not of one table; remove orphans that are old enough, if told to.

    verify: read the parts of the newest commits and the marts that readers have, and compare hashes. now: for tests;
    the present. remove: also keep what is left of a broken month for another 7 days.
    Raises: ValueError, for an age below MIN_ORPHAN_HOURS; StoreError, ManifestError.
    """
    if older_than < timedelta(hours=MIN_ORPHAN_HOURS):
        raise ValueError(
            f"older_than: found {older_than}, expected {MIN_ORPHAN_HOURS} hours or more: a load may use them yet"
        )
    now = now or datetime.now(UTC)
    tables = list(tables)
    report = AuditReport()
    for table in tables:
        report.findings += audit_table(store, table, now=now, verify=verify)
        report.findings += audit_feed(store, table, now=now, verify=verify)
    last_move = max(pointer.numbers(store), default=0)
    if marts:
        report.findings += audit_generations(store, now=now, verify=verify)
        report.findings += audit_findings(store, now=now)
        report.findings += audit_incidents(store, now=now)
        report.findings += audit_events(store, now=now)
        report.findings += audit_inbox(store, now=now, applied=lambda table: _applied(store, table))
        report.findings += audit_positions(store, now=now)
    report.findings += audit_foreign(store, tables, whole=marts)
    if remove:
        for table in tables:
            _keep_parts(store, table, report)
    for orphan in report.orphans:
        if remove and orphan.modified is not None and orphan.modified < now - older_than:
            if orphan.key.startswith("marts/") and pointer.numbers(store, after=last_move):
                continue  # readers may have this very object since: the next audit knows
            store.delete(orphan.key)
            report.removed.add(orphan)
    if marts and isinstance(store, DiskStore):  # on S3 a lifecycle rule ends unfinished uploads
        _audit_leftovers(store, report, before=now - older_than, remove=remove)
    return report


def _keep_parts(store: Store, table: TableName, report: AuditReport) -> None:
    """Start the age of the parts that are left of a broken month again: S3's rule would remove the only copy of rows.

    So each weekly audit gives them another 7 days, with the rights that a compaction has.
    """
    starts = (table.months_prefix, f"{table.prefix}dt=")
    keys = [(start, finding.key) for finding in report.broken for start in starts if finding.key.startswith(start)]
    months = {month_of(key.removeprefix(start)) for start, key in keys}
    newest = None
    if months:
        with suppress(ManifestError, ObjectNotFoundError):  # it is a finding of its own
            newest = Table(store, table).latest()
    for part in newest.files if newest else ():
        if month_of(part.partition) in months:
            with suppress(ObjectNotFoundError):
                if store.tags(part.key).get("status") == "outdated":
                    store.tag(part.key, {"status": "outdated"}, reset_age=True)


def _applied(store: Store, table: TableName) -> int | None:
    """Return the last part of an inbox that is applied; None if no table takes its events."""
    entity = next((each for each in load_entities() if each.table == table), None)
    if entity is None or not takes_events(entity):
        return None
    newest = None
    with suppress(ManifestError, ObjectNotFoundError):  # it is a finding of its own
        newest = Table(store, table).latest()
    return newest.events.through if newest and newest.events else 0


def _audit_leftovers(store: DiskStore, report: AuditReport, *, before: datetime, remove: bool) -> None:
    for path, info in store.leftovers():
        if info.modified >= before:
            continue
        finding = Finding.orphan(info, "a writer was killed here")
        report.findings.append(finding)
        if remove:
            store.remove_leftover(path)
            report.removed.add(finding)

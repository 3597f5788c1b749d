"""Incidents whose cause is repaired before their task runs again: the audit runs once a week, the brief once a day."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.airflow.notifications import channels, record
from gamelake.days import day_of, format_day
from gamelake.incidents.incidents import Incidents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

AUDIT, BRIEF = "lake_audit", "daily_brief"
VERIFIED = "verify"
"""The part of an audit that read the parts and compared their hashes."""
SENT = "send."
"""The start of the part that sends a brief to a channel."""


def end_what_is_repaired(store: Store, entities: Sequence[Entity]) -> None:
    """Close the incident of an audit that finds nothing broken any more, and of a channel that is no longer set.

    The lake is audited only while that incident is open. Nothing is removed.

    Args:
        store: The lake.
        entities: Every entity of the registry.

    Raises:
        StoreError: The lake cannot be read.
    """
    incidents, tomorrow = Incidents(store), format_day(day_of(datetime.now(UTC)) + timedelta(days=1))
    failed = {failure.part for each in incidents.open(AUDIT) for failure in each.failures}
    if failed and _is_sound(store, entities, verify=VERIFIED in failed):
        record(lambda lake, _: lake.succeed(AUDIT, night=tomorrow))
    removed = {
        failure.part
        for each in incidents.open(BRIEF)
        for failure in each.failures
        if failure.part.startswith(SENT) and failure.part.removeprefix(SENT) not in channels()
    }
    if removed:
        record(lambda lake, _: [lake.succeed(BRIEF, part=part, night=tomorrow) for part in removed])


def _is_sound(store: Store, entities: Sequence[Entity], *, verify: bool) -> bool:
    from gamelake.lake.documents import DocumentError
    from gamelake.maintenance.audit import MIN_ORPHAN_HOURS, audit

    age = timedelta(hours=MIN_ORPHAN_HOURS)
    try:
        report = audit(store, [each.table for each in entities], older_than=age, remove=False, verify=verify)
    except DocumentError as error:
        log.warning("the audit cannot be repeated, so its incident stays open: %s", error)
        return False
    log.info("the audit was repeated: %d objects are missing, damaged or unread", len(report.broken))
    return not report.broken

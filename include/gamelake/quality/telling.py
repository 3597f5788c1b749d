"""Report urgent findings as incidents: each check is one incident, however many subjects it finds.

Findings of severity P2 are for the daily brief, and no incident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.days import day_of, format_day
from gamelake.incidents.documents import Fault
from gamelake.incidents.documents import Severity as Urgency
from gamelake.marts.findings import Severity

if TYPE_CHECKING:
    from gamelake.incidents.incidents import Incidents
    from gamelake.marts.findings import Report

SCOPE = "quality"
RUNBOOK = "data-quality.md"


def tell(report: Report, incidents: Incidents) -> None:
    """Open, extend and close the incidents of the checks. It can be called again for the same report.

    Args:
        report: The newest report.
        incidents: The incidents of the lake.

    Raises:
        StoreError: The store cannot be read or written.
    """
    urgent = [each for each in report.findings if each.is_open and each.severity is not Severity.P2]
    for each in urgent:
        incidents.fail(
            Fault(
                scope=f"{SCOPE}.{each.check}",
                kind=each.check,
                part=each.subject,
                night=format_day(day_of(each.since)),
                cause=each.message,
                severity=Urgency(each.severity.value),
                runbook=RUNBOOK,
            )
        )
    found = {(f"{SCOPE}.{each.check}", each.subject) for each in urgent}
    for incident in incidents.open(SCOPE):
        for failure in incident.failures:
            if (incident.scope, failure.part) not in found:
                night = max(*failure.nights, format_day(day_of(report.checked_at)))
                incidents.succeed(incident.scope, part=failure.part, night=night)

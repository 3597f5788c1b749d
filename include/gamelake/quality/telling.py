"""Report urgent findings as incidents: each check is one incident, however many subjects it finds.

Findings of severity P2 are for the daily brief, and no incident. Neither is late data of which a failed load or build
was told: that is the same fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.days import day_of, format_day
from gamelake.incidents.documents import Fault
from gamelake.incidents.documents import Severity as Urgency
from gamelake.marts.findings import Severity
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.incidents.incidents import Incidents
    from gamelake.marts.findings import Report
    from gamelake.registry import Source

SCOPE = "quality"


def tell(report: Report, incidents: Incidents, sources: Mapping[str, Source]) -> None:
    """Open, extend and close the incidents of the checks. It can be called again for the same report.

    Args:
        report: The newest report.
        incidents: The incidents of the lake.
        sources: The sources of the registry.

    Raises:
        StoreError: The store cannot be read or written.
    """
    urgent = [each for each in report.findings if each.is_open and each.severity is not Severity.P2]
    known = {(each.scope, failure.part) for each in incidents.open(SCOPE) for failure in each.failures}
    explained = _late_already(incidents, sources) if any(each.check == "freshness" for each in urgent) else set()
    for each in urgent:
        scope = f"{SCOPE}.{each.check}"
        if each.check == "freshness" and each.subject in explained and (scope, each.subject) not in known:
            continue
        incidents.fail(
            Fault(
                scope=scope,
                kind=each.check,
                part=each.subject,
                night=format_day(day_of(each.since)),
                cause=Words(each.message, each.message_ko or each.message),
                severity=Urgency(each.severity.value),
            )
        )
    found = {(f"{SCOPE}.{each.check}", each.subject) for each in urgent}
    for incident in incidents.open(SCOPE):
        if incident.scope != f"{SCOPE}.{incident.kind}":  # people report their own faults, and their success
            continue
        for failure in incident.failures:
            if (incident.scope, failure.part) not in found:
                night = max(*failure.nights, format_day(day_of(report.checked_at)))
                incidents.succeed(incident.scope, part=failure.part, night=night)


def _late_already(incidents: Incidents, sources: Mapping[str, Source]) -> set[str]:
    """Return the tables whose failure an open incident has told, and `marts` if one holds the marts back."""
    builds, loads = incidents.open("transform"), incidents.open("load")
    gates = {f"load.{name}" for name, source in sources.items() if source.gates_transform}
    found = {f"{each.scope.partition('.')[2]}.{failure.part}" for each in loads for failure in each.failures}
    if builds or any(each.scope in gates for each in loads):
        found.add("marts")
    if any(each.kind == "late" for each in builds):  # its cause names the tables that the marts wait for
        gating = [source for source in sources.values() if source.gates_transform]
        found |= {str(entity) for source in gating for entity in source.entities.values()}
    return found

"""Find what the checks of the data have left and no check or reader needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.lake.findings import RETENTION, Finding
from gamelake.marts import findings
from gamelake.quality.profile import PROFILES
from gamelake.quality.record import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.lake.store import Store


def audit_findings(store: Store, *, now: datetime) -> Iterator[Finding]:
    """Yield the tables of earlier reports, and reports and profiles of before the findings that are kept.

    While no report can be read, all is needed. The newest report and its table are needed at any age.
    Raises: StoreError.
    """
    newest, _ = findings.newest(store)
    if newest is None:
        return
    needed = {newest.table, findings.report_key(newest.number)}
    for prefix, age, reason in (
        (findings.TABLES, RETENTION, f"a newer report has a table; earlier ones are kept for {RETENTION.days} days"),
        (findings.REPORTS, KEPT, f"reports are kept for {KEPT.days} days"),
        (PROFILES, KEPT, f"profiles are kept for {KEPT.days} days"),
    ):
        for info in store.list(prefix):
            if info.key not in needed and info.modified < now - age:
                yield Finding.orphan(info, reason)

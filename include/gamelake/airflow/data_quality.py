"""What the DAGs of the data quality do: check the night and the lake, and tell people what is urgent."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gamelake.incidents.incidents import Incidents
    from gamelake.lake.store import Store
    from gamelake.marts.findings import Report
    from gamelake.registry import Entity

log = logging.getLogger(__name__)


def check_data(entities: Sequence[Entity]) -> dict[str, Any]:
    """Check the night and the published data, tell people what is urgent, and send messages that wait.

    The newest daily brief is made again, if it was made before the marts of its day were published.

    The night is checked first: data that cannot be checked does not hide marts that are late.

    Args:
        entities: Every entity of the registry.

    Returns:
        The number of the report, whether it is a new one, and the open findings by severity.

    Raises:
        DocumentError: The pointer or a threshold is damaged or wrong.
        TransformError: There is no dbt manifest.
        StoreError: The lake cannot be read or written.
        InvalidationError: CloudFront did not forget its copies.
    """
    from gamelake.airflow.heartbeat import beat
    from gamelake.airflow.notifications import record
    from gamelake.airflow.repaired import end_what_is_repaired
    from gamelake.airflow.stores import connected_store, invalidate_changed
    from gamelake.incidents.incidents import Incidents
    from gamelake.marts.findings import COPY, CURRENT
    from gamelake.nights.late_publication import judge_publication
    from gamelake.nights.made_up import made_up
    from gamelake.quality.check import check_lake
    from gamelake.quality.telling import tell
    from gamelake.registry import loaded_sources

    store, sources, now = connected_store(), loaded_sources(), datetime.now(UTC)
    # Only the records are bounded, not what is read for them: a slow lake does not hide that the marts are late.
    record(lambda *_: None, opened=store)
    for success in list(made_up(store, Incidents(store), sources)):
        record(_changing(success), opened=store)
    if change := judge_publication(store, Incidents(store), sources, now):
        record(_changing(change), opened=store)
    end_what_is_repaired(store, entities)
    report, is_new = check_lake(store, entities, now=now)
    _log(report)
    if is_new:
        invalidate_changed([CURRENT, COPY], change=f"report {report.number} of the data quality")
    record(lambda incidents, _: tell(report, incidents, sources), opened=store)
    beat(store, sources, now)
    _complete_brief(store, now)
    found = Counter(each.severity.value for each in report.findings if each.is_open)
    return {"report": report.number, "is_new": is_new, "open": dict(sorted(found.items()))}


def _complete_brief(store: Store, now: datetime) -> None:
    """Make the newest brief again, if its lists have come. One that is damaged fails the DAG daily_brief, not this."""
    from gamelake.airflow.language_model import chosen_writer
    from gamelake.brief import brief
    from gamelake.lake.documents import DocumentError
    from gamelake.nights.report import NightReports
    from gamelake.registry import switched_on

    try:
        made = brief.make_again(store, NightReports(store, switched_on()), now=now, writer=chosen_writer)
    except DocumentError as error:
        log.warning("the daily brief is not made again: %s", error)
    else:
        if made:
            log.info("the brief of %s is made again: its lists have come", made.day)


def _changing(change: Callable[[Incidents], object]) -> Callable[[Incidents, Store], object]:
    return lambda incidents, _: change(incidents)


def _log(report: Report) -> None:
    for each in report.findings:
        log.log(
            logging.WARNING if each.is_open else logging.INFO,
            "%s %s, since %s: %s",
            each.severity,
            each.state,
            each.since.isoformat(timespec="minutes"),
            each.message,
        )

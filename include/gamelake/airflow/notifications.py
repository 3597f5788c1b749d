"""Record faults in the lake, and tell people: where incidents meet Airflow.

    record_failure(Fault(scope="quality.igdb", kind="nulls", ...))
    record_success("quality.igdb", part="games.name", night="2026-11-21")

Each of them also sends what is not sent yet, on the connections of `GAMELAKE_NOTIFY`. None of them raises, and each
ends within BOUND seconds; that of a run, which holds no task, RUN_SECONDS later.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.airflow.bounded import Bound, OutOfTimeError
from gamelake.lake.factory import lake_uri
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gamelake.incidents.documents import Fault, Incident, Message
    from gamelake.incidents.incidents import Incidents
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

BOUND = 15.0
"""Seconds that a task may be held. Airflow ends a task's process 20 s after its work."""
STEP = 5.0
"""Seconds of it for one message to one channel, at most."""
NOTE_SECONDS = 2.0
"""Seconds of it to note what was sent: else a channel that took a message gets it from each later task again."""
EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - nothing listens here
LAKE_SECONDS = 8.0
"""Seconds of it for a lake that does not answer, before the failure is recorded on this machine instead."""
RUN_SECONDS = 25.0
"""Seconds more for the lake in a callback of a run. The DAG processor ends one after 50 s. It runs no tasks, so an
incident that it records on its own machine is ended by no task."""


def channels() -> tuple[str, ...]:
    """Return the connection ids of `GAMELAKE_NOTIFY`. Raises: SettingsError."""
    return tuple(dict.fromkeys(filter(None, (each.strip() for each in read_settings().gamelake_notify.split(",")))))


def record_failure(fault: Fault, *, count: Callable[[Store], tuple[int, int] | None] | None = None) -> None:
    """Record a failure in the lake; if that does not work, on this machine.

    A failure that the lake itself causes cannot be recorded in it. The folder on this machine folds the failures of all
    tasks that run here.

    Args:
        fault: What failed.
        count: Returns how many tables of the night are loaded, and how many there are; None if it is not known.
    """

    def fail(incidents: Incidents, store: Store) -> None:
        incidents.fail(replace(fault, loaded=count(store)) if count and incidents.is_lake else fault)

    record(fail, falls_back=True)


def record_success(scope: str, *, night: str, part: str | None = None) -> list[Incident]:
    """Record a success. Returns: the incidents that are closed by it."""
    closed: list[Incident] = []
    record(lambda incidents, _: closed.extend(incidents.succeed(scope, night=night, part=part)), is_success=True)
    return closed


def record(
    change: Callable[[Incidents, Store], Any],
    *,
    falls_back: bool = False,
    is_success: bool = False,
    is_run: bool = False,
    opened: Store | None = None,
) -> None:
    """Change the incidents of the lake, and send what waits there and on this machine.

    Args:
        change: Gets the incidents, and the store that has them.
        falls_back: Whether the incidents of this machine are changed if those of the lake cannot be.
        is_success: Whether the incidents of this machine are changed too.
        is_run: Whether a callback of a run calls it, and no task.
        opened: The lake, if it is open already: to open it takes longer than to change an incident.
    """
    more = RUN_SECONDS if is_run else 0.0
    with _quietly(BOUND + more) as bound:
        from gamelake.airflow.stores import connected_store
        from gamelake.incidents.incidents import Incidents

        local = store_of_this_machine()
        here = Incidents(local, is_lake=False, channels=channels())
        if is_success:
            change(here, local)  # first: a slow lake may use up the time
        try:
            with bound.step(LAKE_SECONDS + more):
                lake = opened or connected_store()
                incidents = Incidents(lake, channels=channels())
                change(incidents, lake)
        except (Exception, OutOfTimeError) as error:
            if not falls_back and not is_success:
                raise
            reason = str(error) or f"no answer within {LAKE_SECONDS + more:.0f} s"
            if falls_back:
                log.warning("the incident is recorded on this machine, because the lake does not take it: %s", reason)
                change(here, local)
            else:
                log.warning("the lake does not take the success, so that of a later run is recorded: %s", reason)
        else:
            deliver(incidents, bound)
        deliver(here, bound)


def deliver(incidents: Incidents, bound: Bound) -> None:
    """Send every message that is not sent yet, if there is time for it."""
    if not channels() or bound.left() <= NOTE_SECONDS:
        return
    from gamelake.airflow.channels import send
    from gamelake.incidents.delivery import SendError
    from gamelake.incidents.wording import worded

    language, url = read_settings().gamelake_notify_language, airflow_url()
    # Each channel has its share: those that do not answer leave time for those after them.
    share = min(STEP, (bound.left() - NOTE_SECONDS) / len(channels()))

    def send_one(channel: str, incident: Incident, message: Message) -> None:
        text = worded(incident, message, language=language, airflow_url=url)
        facts = {
            "id": message.id,
            "event": message.event.value,
            "incident": incident.key,
            "severity": message.severity.value,
            "opened_at": message.since.isoformat(),
            "closed_at": message.at.isoformat() if message.event.value == "over" else None,
        }
        seconds = min(share, bound.left() - NOTE_SECONDS)
        if seconds <= 0:
            raise SendError("no time is left for it")
        try:
            with bound.step(seconds):
                send(channel, text, facts)
        except OutOfTimeError:
            if bound.is_over():
                raise
            raise SendError(f"no answer within {seconds:.1f} s") from None

    incidents.deliver(send_one)


def airflow_url() -> str:
    """Return the address of Airflow's web UI, as it is configured."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback=None)
    if base:
        return str(base).rstrip("/")
    host = conf.get("api", "host", fallback="localhost")
    return f"http://{'localhost' if host in EVERY_ADDRESS else host}:{conf.get('api', 'port', fallback='8080')}"


def store_of_this_machine() -> Store:
    """Return where incidents are recorded that the lake does not take: one folder for each lake and user."""
    from gamelake.lake.disk import DiskStore

    name = hashlib.sha256(lake_uri().encode()).hexdigest()[:12]
    return DiskStore(Path(tempfile.gettempdir()) / f"gamelake-incidents-{os.getuid()}-{name}")


@contextmanager
def _quietly(seconds: float) -> Iterator[Bound]:
    """Bound a block, and log what fails in it: a task that worked must not fail because no person could be told."""
    try:
        with Bound(seconds) as bound:
            yield bound
    except OutOfTimeError:
        log.warning("not all was recorded and sent within %.0f s; a later task continues", seconds)
    except Exception as error:  # noqa: BLE001 - any: see above
        log.warning("the incident was not recorded: %s", error)

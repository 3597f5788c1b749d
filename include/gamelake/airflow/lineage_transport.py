"""Where OpenLineage events go: into the lake, and on to a receiver that may be slow or down.

    AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "gamelake.airflow.lineage_transport.LakeTransport"}'
    AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "gamelake.airflow.lineage_transport.LakeTransport",
        "forward": {"type": "http", "url": "http://marquez:5000"}}'

`forward` is the configuration of any transport of OpenLineage. Neither a receiver nor the lake can fail a task or delay
it by more than a few seconds: what they do not take in that time is left out, and the log states it once.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attr
from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde
from openlineage.client.transport import get_default_factory
from openlineage.client.transport.http import HttpTransport
from openlineage.client.transport.transport import Config, Transport

from gamelake.airflow.stores import connected_store
from gamelake.errors import is_explained
from gamelake.lake.lineage_events import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

FORWARD_SECONDS = 2.0
KEEP_SECONDS = 5.0
"""What a receiver, and the lake, may cost in PAUSE_SECONDS."""
PAUSE_SECONDS = 60.0

_batch: list[str] | None = None


@contextmanager
def one_object() -> Iterator[None]:
    """Store the events of the block as one object of the lake: a build sends one for each of its models."""
    global _batch  # noqa: PLW0603 - the transport is made by OpenLineage, which hands it to no one
    _batch = []
    try:
        yield
    finally:
        events, _batch = _batch, None
        if events:
            _LAKE.call(lambda: keep(connected_store(), events, at=datetime.now(UTC)))


def reason_of(error: Exception) -> str:
    """Return why a call failed. The text of an error that is not ours may have the receiver's URL with its secrets."""
    if is_explained(error):
        return str(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ if status is None else f"{type(error).__name__}, status {status}"


class Bounded:
    """Makes calls that may take a number of seconds in all in PAUSE_SECONDS; then none is made until these are over.

    A call that takes longer goes on in a thread that nothing waits for.

    Args:
        name: What is called, for the log.
        seconds: See above.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._began = float("-inf")
        self._spent = 0.0
        self._failed = False

    def call(self, work: Callable[[], Any]) -> bool:
        """Make a call. Returns: whether it was made, and ended in time without an error."""
        now = time.monotonic()
        if now - self._began > PAUSE_SECONDS:
            self._began, self._spent, self._failed = now, 0.0, False
        if self._failed or self._spent >= self._seconds:
            return False
        errors: list[Exception] = []

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - lineage fails no task
                errors.append(error)

        thread = threading.Thread(target=run, name=f"lineage to {self._name}", daemon=True)
        thread.start()
        thread.join(self._seconds - self._spent)
        self._spent += time.monotonic() - now
        is_done = not thread.is_alive() and not errors
        if not is_done:
            self._failed = True
            reason = reason_of(errors[0]) if errors else f"no answer in {self._seconds:.0f} s"
            log.warning("lineage events of the next %.0f s are not sent to %s: %s", PAUSE_SECONDS, self._name, reason)
        return is_done


_LAKE = Bounded("the lake", KEEP_SECONDS)


@attr.define
class LakeConfig(Config):
    """The configuration of LakeTransport.

    Attributes:
        forward: That of another transport, which gets every event; None: the lake alone gets them.
    """

    forward: dict[str, Any] | None = None

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> LakeConfig:
        """Read the configuration. Raises: ValueError, for an unknown key or a `forward` without a type."""
        unknown = sorted(params.keys() - {"type", "forward"})
        if unknown:
            raise ValueError(f"[openlineage] transport: found the key {unknown[0]!r}, expected type and forward")
        forward = params.get("forward")
        if forward is not None and not (isinstance(forward, dict) and forward.get("type")):
            raise ValueError(
                f"[openlineage] transport: forward: found {type(forward).__name__}, expected an object with a type, "
                'such as {"type": "http", "url": "http://marquez:5000"}'
            )
        return cls(forward)


class LakeTransport(Transport):
    """Keeps the events that name datasets in the lake, and forwards all events.

    Args:
        config: Its configuration.
    """

    kind = "gamelake"
    config_class = LakeConfig

    def __init__(self, config: LakeConfig) -> None:
        # Each retry would log the path of the address, which may have a secret; only `http` has such a field.
        defaults = {"retry": {"total": 0}} if (config.forward or {}).get("type") == "http" else {}
        self._forward = get_default_factory().create(defaults | config.forward) if config.forward else None
        if isinstance(self._forward, HttpTransport):
            # A redirect turns the event into a request for a page, whose answer would count as the receiver's.
            self._forward.session.max_redirects = 0
        self._receiver = Bounded("the receiver", FORWARD_SECONDS)

    def emit(self, event: Any) -> None:
        """Keep and forward an event; what fails is logged."""
        if isinstance(event, RunEvent) and (event.inputs or event.outputs):
            text = Serde.to_json(event)
            if _batch is not None:
                _batch.append(text)
            else:
                _LAKE.call(lambda: keep(connected_store(), [text], at=datetime.now(UTC)))
        if (forward := self._forward) is not None:
            self._receiver.call(lambda: forward.emit(event))

"""Incidents of the lake: failures are folded, and each incident is announced once at its start and once at its end.

    incidents = Incidents(store, channels=("slack_ops",))
    incidents.fail(Fault(scope="load.igdb", kind="held", part="covers", night="2026-11-21", cause=str(error)))
    incidents.succeed("load.igdb", part="covers", night="2026-11-21")
    incidents.deliver(send)              # what is not sent yet, also what another process left when it was killed

The first failure of a scope and kind opens an incident; further ones are added to it without a message, unless one is
more urgent than all before. It is closed when each part that failed has succeeded for that night or a later one. One
that fails again within SETTLED returns: it is the same incident, which is told once a day. Any number of processes may
do this at once.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from gamelake.days import day_of, day_of_partition, format_day
from gamelake.incidents.delivery import Delivery
from gamelake.incidents.documents import PREFIX, SETTLED, Event, Failure, Fault, Incident, Message, Resolved
from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.keys import number_of, numbered_key
from gamelake.lake.store import ObjectExistsError, StoreError
from gamelake.marts import pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from gamelake.incidents.delivery import Send
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

TRANSFORM = "transform"
"""The scope of the builds of the marts."""

_LOST_RACES = 100
_CAUSE_LINES = 6
_CAUSE_LENGTH = 600


class Incidents:
    """The incidents of one lake. Methods raise StoreError if the store fails.

    Args:
        store: The lake.
        is_lake: Whether it is the lake. Another store does not tell what is loaded and what readers have.
        channels: The connection ids that get the messages; none of them: incidents are recorded, and not announced.
        clock: The present; for tests.
    """

    def __init__(
        self,
        store: Store,
        *,
        is_lake: bool = True,
        channels: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self.is_lake = is_lake
        self._channels = tuple(channels)
        self._clock = clock

    def fail(self, fault: Fault) -> Incident:
        """Record a failure: open its incident, or add it to the open one. Returns: the incident."""
        return self._changed(fault.key, lambda before, number: self._failed(before, fault, number))

    def notice(self, fault: Fault) -> Incident:
        """Record something that needs no action: it is announced once, and over at once."""
        return self._changed(fault.key, lambda before, number: self._noticed(before, fault, number))

    def succeed(self, scope: str, *, night: str, part: str | None = None) -> list[Incident]:
        """Record a success, which ends earlier failures of the same.

        Args:
            scope: What succeeded; the incidents of all its kinds count.
            night: The partition that it was for. A failure of a later one stays, unless that lies in the future: a
                person may name any day, and no success of these years is for 2030.
            part: Which part; None: all parts of the scope.

        Returns:
            The incidents that are closed by it.
        """
        closed = []
        for incident in self.open(scope):
            after = self._change(incident.key, lambda before, number: self._succeeded(before, night, part, number))
            if after and not after.is_open:
                closed.append(after)
        return closed

    def newest(self, scope: str = "") -> list[Incident]:
        """Return the newest incident of each name, open or closed, by name.

        Args:
            scope: Only what begins with it, such as `load` or `load.igdb`; by default all.
        """
        keys = (info.key for info in self._store.list(PREFIX + (f"{scope}." if scope else "")))
        found = (self._read(folder, keys_of) for folder, keys_of in groupby(keys, lambda key: key.rpartition("/")[0]))
        return [incident for incident, _ in found if incident is not None]

    def open(self, scope: str = "") -> list[Incident]:
        """Return the open incidents, by name; `scope` as in `newest`."""
        return [incident for incident in self.newest(scope) if incident.is_open]

    def deliver(self, send: Send, *, scope: str = "") -> int:
        """Send what channels have not got yet; see `Delivery`.

        Args:
            send: Sends a message to a channel. Raises: SendError.
            scope: As in `newest`.

        Returns:
            How many messages are left, of which some may be on their way by another writer.
        """
        return Delivery(self, send, self._clock).run(scope)

    def unsent(self, message: Message) -> list[str]:
        """Return the channels that still lack a message; one that is no longer set needs none."""
        if message.due and message.due > self._clock():
            return []
        return [channel for channel in message.unsent if channel in self._channels]

    def change_message(self, key: str, message: str, change: Callable[[Message], Message]) -> Incident | None:
        """Change one message of the incident of a key. Returns: the incident, None if it was deleted."""

        def decide(before: Incident | None, number: int) -> Incident | None:
            if before is None:
                return None
            messages = tuple(change(each) if each.id == message else each for each in before.messages)
            return None if messages == before.messages else replace(before, number=number, messages=messages)

        return self._change(key, decide)

    # The states. Each method gets the newest one and the number of the next, and returns that; None changes nothing.

    def _failed(self, before: Incident | None, fault: Fault, number: int) -> Incident | None:
        now = self._clock()
        failure = Failure(
            part=fault.part,
            nights=(fault.night,),
            since=now,
            **_causes(fault),
            log_url=fault.log_url,
            run_id=fault.run_id,
        )
        if before and before.resolved and before.closed_at and now < before.closed_at + SETTLED:
            return self._returned(before, fault, failure, number)
        if before is None or not before.is_open:
            opened = self._begun(before, fault, number, now)
            return self._announced(replace(opened, failures=(failure,)), Event.OPENED, fault)
        known = next((each for each in before.failures if each.part == fault.part), None)
        is_worse = fault.severity < before.severity
        if known and fault.night in known.nights and not is_worse:
            return None
        # Parts that fail in one night have one cause. A part that begins to fail in a later night is news.
        told = {day_of_partition(each.night) for each in before.messages if each.at >= before.opened_at}
        is_first = self._is_first_night(fault, told)
        if known:
            failure = replace(failure if is_first else known, nights=tuple(sorted({*known.nights, fault.night})))
        after = replace(
            before,
            number=number,
            failures=(*(each for each in before.failures if each is not known), failure),
            severity=min(before.severity, fault.severity),
        )
        if is_worse:
            return self._announced(after, Event.WORSENED, fault)
        is_told = day_of_partition(fault.night) in told or (known and not is_first)
        return after if is_told else self._announced(after, Event.GREW, fault)

    def _is_first_night(self, fault: Fault, told: set[str]) -> bool:
        """Whether a build is the first that fails of a night that readers lack: a person may build any other day."""
        readers_day, _ = self._readers_day()
        if fault.scope != TRANSFORM or readers_day is None:
            return False
        first, last = format_day(readers_day + timedelta(days=1)), format_day(day_of(self._clock()))
        return first <= fault.night <= last and not any(first <= night <= last for night in told)

    def _returned(self, before: Incident, fault: Fault, failure: Failure, number: int) -> Incident:
        """Open an incident again. It is told once a Korean day: one that comes and goes must not fill a channel."""
        after = replace(
            before,
            number=number,
            closed_at=None,
            failures=(failure,),
            severity=min(before.severity, fault.severity),
            messages=tuple(each for each in before.messages if not (each.due and each.due > self._clock())),
            returns=before.returns + 1,
        )
        if fault.severity < before.severity:
            return self._announced(after, Event.WORSENED, fault)
        told = {day_of(each.at) for each in before.messages if each.event is Event.RETURNED}
        return after if day_of(self._clock()) in told else self._announced(after, Event.RETURNED, fault)

    def _noticed(self, before: Incident | None, fault: Fault, number: int) -> Incident:
        now = self._clock()
        begun = self._begun(before, fault, number, now)
        # Notices follow one another at once, and each of them is looked up when its run has failed.
        told = tuple(each for each in before.messages if each.unsent or each.at > now - SETTLED) if before else ()
        return self._announced(replace(begun, closed_at=now, messages=told), Event.NOTICE, fault)

    def _begun(self, before: Incident | None, fault: Fault, number: int, now: datetime) -> Incident:
        return Incident(
            number=number,
            scope=fault.scope,
            kind=fault.kind,
            severity=fault.severity,
            opened_at=now,
            messages=tuple(each for each in before.messages if each.unsent) if before else (),
            runbook=fault.runbook,
        )

    def _succeeded(self, before: Incident | None, night: str, part: str | None, number: int) -> Incident | None:
        if before is None or not before.is_open:
            return None
        now = self._clock()
        today, tomorrow = (format_day(day_of(now) + timedelta(days=days)) for days in (0, 1))
        resolved, failures = {each.part: _without(each, night, part) for each in before.resolved}, []
        for each in before.failures:
            open_nights = tuple(name for name in each.nights if name != night)
            if part not in {None, each.part}:
                failures.append(each)
            elif night >= (each.nights[-1] if each.nights[-1] < tomorrow else today):
                due = [name for name in open_nights if day_of_partition(name) < tomorrow]
                missed = {*due, *(resolved.pop(each.part).missed if each.part in resolved else ())}
                resolved[each.part] = Resolved(part=each.part, missed=tuple(sorted(missed)), at=now)
            else:
                failures.append(replace(each, nights=open_nights))
        after = replace(before, failures=tuple(failures), resolved=tuple(resolved.values()))
        if after == before:
            return None
        after = replace(after, number=number)
        if failures:
            return after
        told = {channel for each in before.messages if each.at >= before.opened_at for channel in each.channels}
        failed = min(name for each in before.failures for name in each.nights)
        over = Fault(scope=before.scope, kind=before.kind, part=after.parts[0], night=failed, cause="")
        return self._announced(replace(after, closed_at=now), Event.OVER, over, only=told)

    def _announced(self, incident: Incident, event: Event, fault: Fault, *, only: set[str] | None = None) -> Incident:
        """Add a message, for the channels that are set; `only`: for those of them that know of the incident."""
        readers_day, is_published = self._readers_day()
        ended_at = incident.closed_at if event is Event.OVER and incident.returns else None
        message = Message(
            id=f"{incident.key}.{incident.number}.{event}",
            event=event,
            at=incident.closed_at or self._clock(),
            since=incident.opened_at,
            severity=incident.severity,
            night=fault.night,
            part=fault.part,
            parts=incident.parts if event is Event.OVER else (),
            missed=incident.missed if event is Event.OVER else (),
            **_causes(fault),
            log_url=fault.log_url,
            readers_day=readers_day,
            is_published=is_published,
            loaded=fault.loaded,
            returns=incident.returns,
            due=ended_at + SETTLED if ended_at else None,
            channels=tuple(channel for channel in self._channels if only is None or channel in only),
        )
        return replace(incident, messages=(*incident.messages, message))

    def _readers_day(self) -> tuple[date | None, bool | None]:
        """Return the day of the marts that readers have, and whether they have any."""
        if not self.is_lake:
            return None, None
        try:
            shown = pointer.current(self._store)
        except (DocumentError, StoreError) as error:  # a role that may not read it must not keep a message back
            log.warning("the day of the published marts is not known: %s", error)
            return None, None
        return (shown.day, True) if shown else (None, False)

    # The objects.

    def _changed(self, key: str, decide: Callable[[Incident | None, int], Incident | None]) -> Incident:
        after = self._change(key, decide)
        if after is None:
            raise StoreError("change", f"{PREFIX}{key}", "another program deleted the incident meanwhile")
        return after

    def _change(self, key: str, decide: Callable[[Incident | None, int], Incident | None]) -> Incident | None:
        """Create the next state, as a compare-and-set. Returns: the newest state.

        Raises:
            StoreError: The store cannot be read or written, or another program writes there.
        """
        folder = f"{PREFIX}{key}"
        for _ in range(_LOST_RACES):
            before, highest = self._read(folder, (info.key for info in self._store.list(f"{folder}/")))
            after = decide(before, highest + 1)
            if after is None:
                return before
            data = msgspec.json.format(msgspec.json.encode(after), indent=1)
            try:
                self._store.put(numbered_key(f"{folder}/", after.number), data, if_absent=True)
            except ObjectExistsError:
                continue
            return after
        reason = f"no free number within {_LOST_RACES} tries; does another program write there?"
        raise StoreError("change", folder, reason)

    def _read(self, folder: str, keys: Iterable[str]) -> tuple[Incident | None, int]:
        """Return the newest readable state of an incident, and the highest number that is taken."""
        numbers = sorted((number for key in keys if (number := number_of(f"{folder}/", key)) is not None), reverse=True)
        for number in numbers:
            key = numbered_key(f"{folder}/", number)
            try:
                return convert(parse_json(self._store.get(key), DocumentError), Incident, DocumentError), numbers[0]
            except DocumentError as error:
                log.warning("%s is left out: %s", key, error)
        return None, numbers[0] if numbers else 0


def _without(resolved: Resolved, night: str, part: str | None) -> Resolved:
    """Return a part that has succeeded again without a missed night that has now succeeded too."""
    if part not in {None, resolved.part}:
        return resolved
    return replace(resolved, missed=tuple(each for each in resolved.missed if each != night))


def _causes(fault: Fault) -> dict[str, Any]:
    """Return the fields of the cause: an error's own message has no Korean one."""
    fields = {"cause": shortened(fault.cause)} if isinstance(fault.cause, str) else fault.cause.fields("cause")
    return {name: _encodable(each) for name, each in fields.items()}


def _encodable(text: str) -> str:
    """Return a text that UTF-8 can have: an error may name a file whose name is no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def shortened(cause: str) -> str:
    """Return the first lines of an error's message."""
    lines = [line.rstrip() for line in cause.strip().splitlines() if line.strip()]
    text = "\n".join(lines[:_CAUSE_LINES])
    if len(text) > _CAUSE_LENGTH:
        return f"{text[: _CAUSE_LENGTH - 3]}..."
    return f"{text}\n..." if len(lines) > _CAUSE_LINES else text

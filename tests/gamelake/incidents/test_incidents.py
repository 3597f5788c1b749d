"""Incidents: one message at the start and one at the end, with any number of writers, kills and refusals."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.incidents.audit import KEPT, audit_incidents
from gamelake.incidents.delivery import CLAIM, ORDERED, SendError
from gamelake.incidents.documents import SETTLED, Event, Fault, Incident, Message, Severity
from gamelake.incidents.incidents import Incidents
from gamelake.lake.factory import open_store
from tests.support import stores
from tests.support.generations import published
from tests.support.kills import in_child

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

MONDAY, TUESDAY, WEDNESDAY = "2026-11-30", "2026-12-01", "2026-12-02"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 12, 1, 19, 0, tzinfo=UTC)  # Wednesday, 04:00 Korean time

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


class Receiver:
    """Takes messages, unless a channel is down."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, Event]] = []
        self.ids: list[str] = []
        self.down: set[str] = set()
        self.refused: set[str] = set()
        self.refusals = 0

    def __call__(self, channel: str, incident: Incident, message: Message) -> None:
        if channel in self.down or self.refused & {incident.key, message.id}:
            self.refusals += 1
            raise SendError("503")
        self.got.append((channel, incident.key, message.event))
        self.ids.append(message.id)

    @property
    def events(self) -> list[str]:
        return [event.value for _, _, event in self.got]


def fault(part: str = "games", night: str = MONDAY, *, kind: str = "source", scope: str = "load.igdb") -> Fault:
    return Fault(scope=scope, kind=kind, part=part, night=night, cause=f"{part}: 503")


def opened(store: Store, *channels: str, clock: Clock | None = None) -> Incidents:
    return Incidents(store, channels=channels or ("slack",), clock=clock or Clock())


@pytest.mark.parametrize(
    ("story", "told"),
    [
        pytest.param(["+games", "+games", "-games"], ["opened", "over"], id="a repeated failure is one"),
        pytest.param(["+games", "+covers", "-games", "-covers"], ["opened", "over"], id="a storm is one"),
        pytest.param(["+games", "+covers", "-games"], ["opened"], id="it stays open while a part fails"),
        pytest.param(["-games", "-covers"], [], id="a quiet night is silent"),
        pytest.param(["+games", "-games", "+games"], ["opened", "over", "returned"], id="it returns"),
        pytest.param(["+games", "+games@tue", "-games@tue"], ["opened", "over"], id="the next night is the same one"),
        pytest.param(["+games", "+covers@tue", "+genres@tue"], ["opened", "grew"], id="news of a later night"),
        pytest.param(["+games", "+games@tue", "+covers@tue"], ["opened", "grew"], id="news in any order"),
        pytest.param(["+games@tue", "-games"], ["opened"], id="an earlier night does not end it"),
        pytest.param(["+games", "-games@tue"], ["opened", "over"], id="a later night ends it"),
        pytest.param(["+games", "+covers", "-*@tue"], ["opened", "over"], id="a success of the whole scope"),
    ],
)
def test_each_incident_is_told_at_its_start_and_its_end(store: Store, story: list[str], told: list[str]) -> None:
    incidents, receiver = opened(store), Receiver()

    for step in story:
        part, _, day = step[1:].partition("@")
        night = TUESDAY if day else MONDAY
        if step[0] == "+":
            incidents.fail(fault(part, night))
        else:
            incidents.succeed("load.igdb", night=night, part=None if part == "*" else part)
        incidents.deliver(receiver)
        incidents.deliver(receiver)

    assert receiver.events == told
    assert len(set(receiver.ids)) == len(told)


def test_one_that_comes_and_goes_is_told_once_a_day_and_once_at_its_end(store: Store) -> None:
    """A load that fails and recovers at each run was two messages for each."""
    clock, receiver = Clock(), Receiver()
    incidents = opened(store, clock=clock)

    for hour in range(30):  # until 09:00 Korean time of the next day
        incidents.fail(fault(night=MONDAY))
        incidents.deliver(receiver)
        incidents.succeed("load.igdb", night=MONDAY, part="games")
        incidents.deliver(receiver)
        assert incidents.open() == []
        assert receiver.events == ["opened", "over", *["returned"] * (hour > 0), *["returned"] * (hour >= 20)]
        clock.forward(timedelta(hours=1))
    clock.forward(SETTLED - timedelta(hours=1))
    incidents.deliver(receiver)
    assert receiver.events == ["opened", "over", "returned", "returned", "over"]
    (last,) = incidents.newest()
    assert (last.returns, last.parts, last.messages[-1].since) == (29, ("games",), Clock().now)

    incidents.fail(fault(night=TUESDAY))
    incidents.deliver(receiver)
    assert receiver.events[5:] == ["opened"], "it had not failed for long enough"


def test_a_return_that_is_more_urgent_is_told(store: Store) -> None:
    incidents, receiver = opened(store), Receiver()
    for severity in (Severity.P2, Severity.P2, Severity.P2, Severity.P0, Severity.P2):
        incidents.fail(replace(fault(), severity=severity))
        incidents.deliver(receiver)
        incidents.succeed("load.igdb", night=MONDAY)
    assert receiver.events == ["opened", "over", "returned", "worsened"]


def test_kinds_and_scopes_are_incidents_of_their_own(store: Store) -> None:
    incidents, receiver = opened(store), Receiver()
    incidents.fail(fault("covers", kind="held"))
    incidents.fail(fault("covers", kind="source"))
    incidents.fail(fault("boards", scope="load.boardgames"))

    closed = incidents.succeed("load.igdb", night=MONDAY, part="covers")
    incidents.deliver(receiver)

    assert [each.key for each in closed] == ["load.igdb.held", "load.igdb.source"]
    assert [each.key for each in incidents.open()] == ["load.boardgames.source"]
    assert receiver.events == ["opened", "opened", "over", "opened", "over"]


def test_the_end_names_every_part_and_the_nights_that_were_missed(store: Store) -> None:
    clock = Clock()
    incidents = opened(store, clock=clock)
    for night in (MONDAY, TUESDAY):
        incidents.fail(fault("games", night))
        incidents.fail(fault("popscore", night))
    clock.forward(timedelta(hours=2))
    incidents.succeed("load.igdb", night=MONDAY, part="games")  # loaded again later

    incidents.succeed("load.igdb", night=TUESDAY, part="games")
    (closed,) = incidents.succeed("load.igdb", night=WEDNESDAY, part="popscore")

    over = closed.messages[-1]
    assert over.event is Event.OVER
    assert over.parts == ("games", "popscore")
    assert over.missed == (f"popscore {MONDAY}", f"popscore {TUESDAY}")
    assert over.at - over.since == timedelta(hours=2)


@pytest.mark.parametrize("part", ["dbt.build", None], ids=["its part", "all of it"])
def test_a_day_that_is_made_up_for_after_a_later_one_was_not_missed(store: Store, part: str | None) -> None:
    incidents = opened(store)
    incidents.fail(fault("dbt.build", "2026-11-21", scope="transform"))
    incidents.fail(fault("publish", TUESDAY, scope="transform"))

    for night in (MONDAY, "2026-11-21"):
        incidents.succeed("transform", night=night, part=part)
    (closed,) = incidents.succeed("transform", night=TUESDAY)

    assert closed.missed == ()


@pytest.mark.parametrize("night", ["2030-01-01", "2026-12-03", "2026-12-03T04"])
def test_a_failure_of_a_day_to_come_ends_with_the_success_of_today(store: Store, night: str) -> None:
    """A person may start a run for any day; no run of these years succeeds for 2030."""
    incidents = opened(store)
    incidents.fail(fault("games", MONDAY))
    incidents.fail(fault("games", night))

    assert incidents.succeed("load.igdb", night=TUESDAY, part="games") == []
    (closed,) = incidents.succeed("load.igdb", night=WEDNESDAY, part="games")

    assert closed.missed == (f"games {MONDAY}",), "what was not due is not missed"


@pytest.mark.parametrize(
    ("nights", "told"),
    [
        pytest.param(["2026-11-21", WEDNESDAY, "2026-12-03"], ["opened", "grew"], id="a past day, then the night"),
        pytest.param(["2026-12-05", WEDNESDAY], ["opened", "grew"], id="a day to come, then the night"),
        pytest.param([WEDNESDAY, "2026-11-21"], ["opened"], id="the night, then a past day"),
        pytest.param([MONDAY, "2026-11-21"], ["opened"], id="past days"),
    ],
)
def test_a_build_by_hand_that_failed_does_not_hide_that_of_the_night(
    store: Store, nights: list[str], told: list[str]
) -> None:
    published(store, TUESDAY)
    incidents, receiver = opened(store), Receiver()

    for night in nights:
        incidents.fail(fault("dbt.build", night, kind="test", scope="transform"))
        incidents.deliver(receiver)

    assert receiver.events == told


def test_a_fault_that_becomes_more_urgent_is_told_once_more(store: Store) -> None:
    incidents, receiver = opened(store), Receiver()

    for severity, part in (("P1", "a"), ("P1", "b"), ("P0", "a"), ("P1", "a"), ("P0", "b"), ("P0", "a")):
        urgent = Fault(
            scope="quality", kind="freshness", part=part, night=MONDAY, cause=severity, severity=Severity(severity)
        )
        incident = incidents.fail(urgent)
        incidents.deliver(receiver)
    incidents.succeed("quality", night=MONDAY)
    incidents.deliver(receiver)

    assert receiver.events == ["opened", "worsened", "over"]
    assert [(each.severity, each.part, each.cause) for each in incident.messages] == [
        (Severity.P1, "a", "P1"),
        (Severity.P0, "a", "P0"),
    ]
    assert (incident.severity, incident.parts) == (Severity.P0, ("b", "a"))


def test_a_notice_is_told_once_and_is_never_open(store: Store) -> None:
    incidents, receiver = opened(store), Receiver()

    incidents.notice(fault("publish", scope="transform", kind="skipped"))
    incidents.deliver(receiver)
    incidents.deliver(receiver)

    assert receiver.events == ["notice"]
    assert incidents.open() == []


def test_a_refused_message_is_sent_later_in_order_and_not_again_where_it_arrived(store: Store) -> None:
    incidents, receiver = opened(store, "slack", "mail"), Receiver()
    receiver.down = {"slack"}
    incidents.fail(fault())
    assert incidents.deliver(receiver) == 1
    incidents.succeed("load.igdb", night=MONDAY, part="games")
    incidents.fail(fault())  # it returns before the first one was told
    assert incidents.deliver(receiver) == 3
    assert incidents.deliver(receiver) == 3

    def got(name: str) -> list[str]:
        return [event.value for channel, _, event in receiver.got if channel == name]

    assert (got("mail"), got("slack")) == (["opened", "over", "returned"], []), "one that refuses delays no other one"
    receiver.down = set()
    assert incidents.deliver(receiver) == 0
    assert (got("mail"), got("slack")) == (["opened", "over", "returned"], ["opened", "over", "returned"])


def test_a_message_that_a_channel_refuses_holds_back_no_other_incident(store: Store) -> None:
    """Such as a firewall before the receiver, which takes the text of an error for an attack."""
    receiver, clock = Receiver(), Clock()
    receiver.refused = {"load.igdb.source"}
    incidents = Incidents(store, channels=["slack", "mail"], clock=clock)
    incidents.fail(fault())
    incidents.fail(fault(kind="held"))
    incidents.fail(fault(scope="transform", kind="late"))
    assert incidents.deliver(receiver) == 1
    assert [each for each in receiver.got if each[1] != "load.igdb.source"] == [
        (channel, key, Event.OPENED) for key in ("load.igdb.held", "transform.late") for channel in ("slack", "mail")
    ]
    # Its end waits for its beginning, but not without end, and neither does the next one.
    receiver.got.clear()
    incidents.succeed("load.igdb", night=MONDAY)
    incidents.deliver(receiver)
    assert {each[1] for each in receiver.got} == {"load.igdb.held"}
    receiver.refused = {"load.igdb.source.1.opened"}
    clock.forward(ORDERED + timedelta(minutes=1))
    receiver.got.clear()
    incidents.fail(fault(night=TUESDAY))
    incidents.deliver(receiver)
    assert receiver.got == [
        (channel, "load.igdb.source", event) for event in (Event.OVER, Event.OPENED) for channel in ("slack", "mail")
    ]


def test_a_channel_that_refuses_all_is_asked_a_few_times(store: Store) -> None:
    receiver = Receiver()
    receiver.down = {"slack"}
    incidents = Incidents(store, channels=["slack", "mail"], clock=Clock())
    for number in range(9):
        incidents.fail(fault(kind=f"kind_{number}"))
    assert incidents.deliver(receiver) == 9
    assert len(receiver.got) == 9
    assert receiver.refusals == 3


def test_a_cause_that_is_no_text_is_kept(store: Store) -> None:
    found = Incidents(store).fail(replace(fault(), cause="cannot read /lake/caf\udce9.json"))
    assert found.failures[0].cause == "cannot read /lake/caf\\udce9.json"


def test_old_states_are_orphans_but_never_the_newest_that_can_be_read(store: Store) -> None:
    """A channel that refuses makes two states at each task that ends."""
    incidents, receiver = opened(store), Receiver()
    receiver.down = {"slack"}
    incidents.fail(fault())
    incidents.fail(fault(scope="transform"))
    for _ in range(3):
        incidents.deliver(receiver)
    (newest, other) = incidents.open()
    store.put(f"incidents/{newest.key}/{newest.number + 1:020}.json", b"{")
    now = datetime.now(UTC)
    assert list(audit_incidents(store, now=now)) == []

    for found in audit_incidents(store, now=now + KEPT + timedelta(days=1)):
        store.delete(found.key)

    assert incidents.open() == [newest, other]
    kept = {(newest.key, newest.number), (newest.key, newest.number + 1), (other.key, other.number)}
    assert {(info.key.split("/")[1], int(info.key[-25:-5])) for info in store.list("incidents/")} == kept


def test_channels_get_no_message_of_before_they_were_set(store: Store) -> None:
    receiver = Receiver()
    Incidents(store).fail(fault())

    late = opened(store, "slack")
    late.deliver(receiver)
    late.succeed("load.igdb", night=MONDAY, part="games")
    late.deliver(receiver)

    assert receiver.got == []


@pytest.mark.parametrize("kind", ["disk", "moto"])
def test_many_writers_at_once_announce_once(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    with stores.opened(kind, request, tmp_path) as store:
        check_that_many_announce_once(store)


def check_that_many_announce_once(store: Store) -> None:
    parts = [f"entity_{number}" for number in range(8)]
    receiver, clock = Receiver(), Clock()  # one clock: the same moment for all
    start = threading.Barrier(len(parts))

    def night(part: str) -> None:
        mine = opened(store, clock=clock)
        start.wait()
        mine.fail(fault(part))
        mine.deliver(receiver)
        start.wait()
        mine.succeed("load.igdb", night=MONDAY, part=part)
        mine.deliver(receiver)

    threads = [threading.Thread(target=night, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opened(store, clock=clock).deliver(receiver)

    (incident,) = opened(store).newest()
    assert not incident.is_open
    assert sorted(incident.parts) == parts
    assert receiver.events == ["opened", "over"]


@pytest.mark.parametrize("sent", [False, True], ids=["before it was sent", "before it was marked as sent"])
def test_a_writer_that_is_killed_leaves_its_message_to_the_next_one(tmp_path: Path, sent: bool) -> None:
    store, clock, receiver = open_store((tmp_path / "lake").as_uri()), Clock(), Receiver()
    arrived = tmp_path / "arrived"

    def die(_: str, __: Incident, message: Message) -> None:
        if sent:
            arrived.write_text(message.id)
        os.kill(os.getpid(), signal.SIGKILL)

    def killed() -> int:
        mine = opened(store, clock=clock)
        mine.fail(fault())
        mine.deliver(die)
        return 1

    assert in_child(killed) is None
    next_one = opened(store, clock=clock)
    next_one.fail(fault("covers"))
    assert next_one.deliver(receiver) == 1, "it may still be on its way"

    clock.forward(CLAIM)
    assert next_one.deliver(receiver) == 0

    assert receiver.events == ["opened"]
    assert not sent or receiver.ids == [arrived.read_text()], "the receiver can tell that it has it"


def test_a_damaged_state_is_left_out(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    incidents, receiver = opened(store), Receiver()
    incidents.fail(fault())
    incidents.fail(fault("covers"))
    newest = max(info.key for info in store.list("incidents/"))
    store.put(newest, b"{")

    incidents.succeed("load.igdb", night=MONDAY, part="games")
    incidents.deliver(receiver)

    assert receiver.events == ["opened", "over"]


def test_only_the_first_lines_of_a_cause_are_kept(store: Store) -> None:
    long = Fault(scope="transform", kind="test", part="dbt.build", night=MONDAY, cause="\n\n".join(["x" * 150] * 50))

    incident = opened(store).fail(long)

    assert len(incident.failures[0].cause) <= 600
    assert incident.messages[0].cause == incident.failures[0].cause

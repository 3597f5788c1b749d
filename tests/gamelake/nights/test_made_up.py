"""Open incidents that newer commits and publications have made up for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.incidents.documents import Event, Fault
from gamelake.incidents.incidents import Incidents
from gamelake.nights.made_up import made_up
from gamelake.registry import load_sources
from tests.support.night_lake import ENTITIES, NightLake, moment

if TYPE_CHECKING:
    from gamelake.lake.store import Store

SUNDAY, MONDAY, TUESDAY = "2026-11-29", "2026-11-30", "2026-12-01"
SOURCES = load_sources()
GAMES, COVERS = ENTITIES["games"], ENTITIES["covers"]


def at(store: Store, day: str, clock: str) -> Incidents:
    """The incidents of a lake at a time of a day."""
    return Incidents(store, channels=("hook",), clock=lambda: moment(day, clock))


def fault(part: str, night: str = MONDAY, *, scope: str = "load.igdb", kind: str = "source") -> Fault:
    return Fault(scope=scope, kind=kind, part=part, night=night, cause="503")


def told(store: Store) -> list[tuple[str, Event]]:
    return [(each.key, message.event) for each in Incidents(store).newest() for message in each.messages]


def ended(store: Store) -> list[str]:
    """End what is made up on Tuesday. Returns: the keys of the incidents that stay open."""
    incidents = at(store, TUESDAY, "09:00")
    for success in made_up(store, incidents, SOURCES):
        success(incidents)
    return [each.key for each in Incidents(store).open()]


def test_a_load_that_was_committed_later_ends_its_incident_with_one_message(store: Store) -> None:
    lake = NightLake(store)
    for name in ("games", "covers"):
        at(store, MONDAY, "04:05").fail(fault(name))

    lake.load(GAMES, MONDAY, at=moment(MONDAY, "07:00"))
    assert ended(store) == ["load.igdb.source"], "covers are not there"

    lake.load(COVERS, TUESDAY, at=moment(TUESDAY, "04:00"))
    assert ended(store) == []
    assert ended(store) == []
    assert told(store) == [("load.igdb.source", Event.OPENED), ("load.igdb.source", Event.OVER)]
    (incident,) = Incidents(store).newest()
    assert incident.missed == (f"covers {MONDAY}",)


def test_nights_that_were_all_loaded_later_are_not_called_missed(store: Store) -> None:
    lake = NightLake(store)
    at(store, SUNDAY, "04:05").fail(fault("games", SUNDAY))
    at(store, MONDAY, "04:05").fail(fault("games", MONDAY))
    for day, clock in ((SUNDAY, "07:00"), (MONDAY, "07:30")):
        lake.load(GAMES, day, at=moment(MONDAY, clock))

    assert ended(store) == []
    assert Incidents(store).newest()[0].missed == ()


def test_what_was_committed_before_the_failure_or_of_an_earlier_night_ends_nothing(store: Store) -> None:
    lake = NightLake(store)
    lake.load(GAMES, MONDAY, at=moment(MONDAY, "04:00"))
    at(store, MONDAY, "05:00").fail(fault("games"))
    lake.load(GAMES, SUNDAY, at=moment(MONDAY, "06:00"))

    assert ended(store) == ["load.igdb.source"]


def test_a_table_that_is_no_longer_loaded_has_no_open_incident(store: Store) -> None:
    """Nothing will load it again: its entity is removed, or its source is switched off."""
    at(store, MONDAY, "05:00").fail(fault("a_removed_table", kind="held"))
    at(store, MONDAY, "05:00").fail(fault("games", scope="load.a_removed_source"))

    assert ended(store) == []
    assert {each.missed for each in Incidents(store).newest()} == {(f"a_removed_table {MONDAY}",), (f"games {MONDAY}",)}


@pytest.mark.parametrize("night", ["today", "", "2026-11-31", "2026-W48"])
def test_a_night_that_is_none_stops_no_check(store: Store, night: str) -> None:
    """People report faults of their own. Late marts are told by the same check."""
    at(store, MONDAY, "04:05").fail(fault("games", night, scope="load.removed"))
    at(store, MONDAY, "04:05").fail(fault("games"))
    NightLake(store).load(GAMES, MONDAY, at=moment(MONDAY, "07:00"))
    assert "load.igdb.source" not in ended(store)


def test_a_publication_ends_failed_builds_and_late_marts(store: Store) -> None:
    lake = NightLake(store)
    lake.night(SUNDAY)
    for each in (fault("dbt.build", scope="transform", kind="test"), fault("publication", scope="transform")):
        at(store, MONDAY, "06:00").fail(each)
    at(store, MONDAY, "06:00").fail(fault("audit", scope="lake_audit", kind="other"))
    assert ended(store) == ["lake_audit.other", "transform.source", "transform.test"]

    lake.publish(lake.build(MONDAY, at=moment(MONDAY, "07:00")), at=moment(MONDAY, "07:01"))
    assert ended(store) == ["lake_audit.other"]


def test_a_damaged_commit_ends_nothing_and_stops_nothing(store: Store) -> None:
    lake = NightLake(store)
    for name in ("covers", "games"):
        at(store, MONDAY, "04:05").fail(fault(name))
    lake.load(COVERS, MONDAY, at=moment(MONDAY, "05:00") + timedelta(minutes=1))
    lake.load(GAMES, MONDAY, at=moment(MONDAY, "05:00"))
    store.put(COVERS.table.manifest_key(1), b'{"torn')

    assert ended(store) == ["load.igdb.source"]
    assert [each.part for each in Incidents(store).open()[0].failures] == ["covers"]

"""Marts that are late, with and without a failure that explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.nights.late_publication import judge_publication
from gamelake.registry import loaded_sources
from tests.support.night_lake import RUN, NightLake, moment

if TYPE_CHECKING:
    from gamelake.lake.store import Store

SUNDAY, MONDAY = "2026-11-29", "2026-11-30"
SOURCES = loaded_sources()


def checked(store: Store, clock: str, *, day: str = MONDAY) -> list[str]:
    """Check at a time of a day. Returns: the keys of the open incidents."""
    now = moment(day, clock)
    incidents = Incidents(store, clock=lambda: now)
    if change := judge_publication(store, incidents, SOURCES, now):
        change(incidents)
    return [each.key for each in incidents.open()]


@pytest.mark.parametrize(
    ("clock", "opened"), [("04:00", []), ("05:30", []), ("06:00", ["transform.late"]), ("09:30", ["transform.late"])]
)
def test_marts_are_late_from_six_on(store: Store, clock: str, opened: list[str]) -> None:
    NightLake(store).night(SUNDAY)

    assert checked(store, clock) == opened


@pytest.mark.parametrize("clock", ["00:01", "03:59", "04:01", "05:59"])
def test_the_night_before_is_late_until_the_deadline_of_the_new_one(store: Store, clock: str) -> None:
    """Nothing ran since Saturday, and the check is the first thing that does."""
    lake = NightLake(store)
    lake.night("2026-11-28")
    assert checked(store, clock) == ["transform.late"]
    (incident,) = Incidents(store).open()
    assert incident.failures[0].nights == (SUNDAY,)

    lake.night(MONDAY)
    assert checked(store, clock) == [], "the marts of the new night are those that readers wait for"


def test_the_night_before_is_not_late_while_the_new_one_is_loaded(store: Store) -> None:
    """The load that held back Sunday's marts has succeeded for Monday: their message would be over in minutes."""
    lake = NightLake(store)
    lake.night("2026-11-28")
    lake.loads(MONDAY, without=["games"])
    assert checked(store, "04:10") == []
    assert checked(store, "06:00") == ["transform.late"]


def test_the_cause_names_what_the_marts_wait_for_and_it_ends_with_the_publication(store: Store) -> None:
    lake = NightLake(store)
    lake.night(SUNDAY)
    lake.loads(MONDAY, without=["games"])
    checked(store, "06:00")

    (incident,) = Incidents(store).open()
    assert "games" in incident.failures[0].cause
    assert incident.failures[0].nights == (MONDAY,)

    lake.night(MONDAY)
    assert checked(store, "06:30") == []


def test_a_failed_load_explains_it_and_one_of_another_kind_does_not(store: Store) -> None:
    NightLake(store).night(SUNDAY)
    incidents = Incidents(store)
    incidents.fail(Fault(scope="lake_audit", kind="other", part="audit", night=SUNDAY, cause="missing"))
    incidents.fail(Fault(scope="load.igdb", kind="source", part="games", night=MONDAY, cause="503"))

    assert checked(store, "06:00") == ["lake_audit.other", "load.igdb.source"]

    incidents.succeed("load.igdb", part="games", night=MONDAY)  # but transform still does not run
    assert checked(store, "06:30") == ["lake_audit.other", "transform.late"]


@pytest.mark.parametrize("scope", ["transform", "load.igdb"])
@pytest.mark.parametrize("night", ["2026-11-20", SUNDAY, "2030-01-01"])
def test_a_failed_run_of_another_day_explains_nothing(store: Store, scope: str, night: str) -> None:
    """A person ran another day, which failed; then the night did not run at all."""
    NightLake(store).night(SUNDAY)
    Incidents(store).fail(Fault(scope=scope, kind="other", part="games", night=night, cause="no such day"))

    assert "transform.late" in checked(store, "06:00")


@pytest.mark.parametrize(
    ("clock", "opened"), [("00:30", ["transform.late", "transform.other"]), ("04:30", ["transform.other"])]
)
def test_a_build_that_a_person_ran_before_the_loads_began_explains_nothing(
    store: Store, clock: str, opened: list[str]
) -> None:
    NightLake(store).night(SUNDAY)
    incidents = Incidents(store, clock=lambda: moment(MONDAY, clock))
    incidents.fail(Fault(scope="transform", kind="other", part="open_generation", night=MONDAY, cause="not loaded"))

    assert checked(store, "06:00") == opened


def test_days_that_a_person_runs_are_never_late(store: Store) -> None:
    """Nor is the day on which the schedule is switched on; the day after it is."""
    lake = NightLake(store)
    lake.night("2026-11-28", run_id=RUN)
    assert checked(store, "14:00", day=SUNDAY) == []
    lake.loads(SUNDAY, without=["games"])
    assert checked(store, "14:00", day=SUNDAY) == []
    assert checked(store, "06:00") == ["transform.late"]


def test_a_new_lake_is_not_late_and_its_first_night_may_be(store: Store) -> None:
    assert checked(store, "06:00") == []
    NightLake(store).loads(SUNDAY)
    assert checked(store, "14:00", day=SUNDAY) == []
    assert checked(store, "06:00") == ["transform.late"], "though nothing was ever published"

"""One night in facts: which loads are complete, what the marts became, and the reason where something is missing.

    reports = NightReports(store, switched_on())
    reports.nights()                          # the strip of 30 nights, and the newest night
    reports.night(date(2026, 11, 21))
    reports.run("igdb_games", "scheduled__...")

Every figure comes from documents of the lake: manifests, generations and publications.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from gamelake.days import FIRST_DAY, Scheme, format_day, parse_day
from gamelake.incidents.incidents import Incidents
from gamelake.kinds import SourceKind
from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import place_of
from gamelake.lake.keys import run_folder
from gamelake.lake.store import StoreError
from gamelake.nights import loads, marts
from gamelake.nights.captured import captured_facts
from gamelake.nights.clock import last_night, late_at
from gamelake.nights.documents import (
    LoadStatus,
    MartsStatus,
    Night,
    NightMark,
    Nights,
    NightStatus,
    RunFacts,
)
from gamelake.nights.records import RecordReader
from gamelake.nights.samples import LakeState, NewestLoad
from gamelake.registry import load_sources
from gamelake.words import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from gamelake.lake.store import Store
    from gamelake.nights.captured import CapturedFacts
    from gamelake.nights.documents import LoadFacts
    from gamelake.nights.records import Records
    from gamelake.registry import Entity, Source
    from gamelake.words import Words

log = logging.getLogger(__name__)

NIGHTS = 30
FRESH_SECONDS = 5.0
"""Viewers of the same moment share one read."""
WAIT_SECONDS = 10.0
"""How long a request waits for the read of another one."""


@dataclass(frozen=True, slots=True)
class _View:
    """The records, the tables of changes, and the moment from which they are seen."""

    records: Records
    captured: Sequence[CapturedFacts]
    now: datetime
    first: date | None
    last: date

    def is_before(self, day: date) -> bool:
        """Whether the lake had no load yet on a day."""
        return self.first is None or day < self.first


class NightReports:
    """Reports on the nights of one lake.

    Args:
        store: The lake.
        sources: The sources that are on. Those that load by the hour, or have no loads, have no nights.
        rates: The requests a second that a source allows, by its name.
        clock: The present; for tests.
    """

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        *,
        rates: Mapping[str, float] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        loaded = {name: each for name, each in load_sources().items() if each.kind is SourceKind.API}
        self._off = tuple(name for name, each in loaded.items() if each.optional and name not in sources)
        self._captured = [
            entity for each in sources.values() for entity in each.entities.values() if not entity.has_load
        ]
        self._sources = {
            name: source
            for name, source in sources.items()
            if source.kind is SourceKind.API and source.partition is Scheme.DAY
        }
        self._entities = [entity for source in self._sources.values() for entity in source.entities.values()]
        self._reader = RecordReader(store, self._entities)
        self._rates = rates or {}
        self._clock = clock
        self._lock = Lock()
        self._view: tuple[float, _View] | None = None

    def nights(self) -> Nights:
        """Return the strip of nights, and the newest night. Raises: StoreError."""
        view = self._read()
        days = [view.last - timedelta(days=back) for back in reversed(range(NIGHTS))]
        return Nights(
            lake=place_of(self._reader.store),
            read_at=view.now,
            shown_day=view.records.shown.day if view.records.shown else None,
            marks=tuple(self._mark(view, day) for day in days),
            night=self._night(view, view.last, is_traced=True),
            levels=view.records.levels.levels if view.records.levels else (),
            problems=tuple(view.records.problems),
            off=self._off,
            captured=tuple(view.captured),
        )

    def night(self, day: date) -> Night:
        """Return one night, also one before the strip as far as its documents were read. Raises: StoreError."""
        return self._night(self._read(), day, is_traced=True)

    def run(self, dag_id: str, run_id: str) -> RunFacts:
        """Return what one run of a DAG left in the lake. Raises: StoreError."""
        view = self._read()
        entity = next((each for each in self._entities if each.dag_id == dag_id), None)
        if entity:
            return self._load_run(view, entity, run_id)
        return self._build_run(view, dag_id, run_id)

    def state(self) -> LakeState:
        """Return what the metrics show. Raises: StoreError."""
        view = self._read()
        records = view.records
        newest = []
        for entity in self._entities:
            table = records.tables[str(entity)]
            if commits := table.commits:
                load = loads.committed(entity, commits[max(commits)], rate=self._rates.get(entity.source))
                newest.append(NewestLoad(entity, load, table.bytes))
        return LakeState(
            read_at=view.now,
            night=self._night(view, view.last, is_traced=True),
            newest=newest,
            captured=view.captured,
            shown=records.shown,
            levels=records.levels,
            publication=records.publications[0] if records.publications else None,
            results=records.results,
            marts_bytes=records.marts_bytes,
            history_bytes=records.history_bytes,
            quality=records.quality,
            problems=len(records.problems),
        )

    def _read(self) -> _View:
        # The threads of the API server serve all of Airflow: few of them may wait for a store that does not answer.
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            reason = f"another request has been reading it for {WAIT_SECONDS:.0f} s; does the store answer?"
            raise StoreError("read", place_of(self._reader.store), reason)
        try:
            if self._view is None or time.monotonic() - self._view[0] > FRESH_SECONDS:
                self._view = (time.monotonic(), self._look())
            return self._view[1]
        finally:
            self._lock.release()

    def _look(self) -> _View:
        records, now = self._reader.read(NIGHTS), self._clock()
        problems = list(records.problems)
        captured = captured_facts(self._reader.store, self._captured, problems)
        records = replace(records, problems=problems)
        # The sandbox makes days up: they may be later than the clock's.
        last = max(last_night(self._sources.values(), now), self._reader.newest_day() or FIRST_DAY)
        return _View(records, captured, now, _first_day(records, self._entities), last)

    def _night(self, view: _View, day: date, *, is_traced: bool = False) -> Night:
        found = self._loads(view, day)
        if is_traced:
            causes = self._causes(day) if any(each.commit is None for each in found) else {}
            found = [
                loads.traced(self._reader.store, each, day, cause=causes.get((each.source, each.entity)))
                for each in found
            ]
        built = marts.facts(view.records, day, loads=found, is_late=self._is_late(view, day))
        commits = [each.commit for each in found if each.commit]
        starts = [each.started_at for each in found if each.started_at]
        ends = [each.committed_at for each in commits]
        status = NightStatus.BEFORE if view.is_before(day) else _status(found, built.status)
        warnings = [
            *(line for each in found for line in loads.warnings(each)),
            *marts.warnings(view.records, day, built),
        ]
        if status is NightStatus.COMPLETE and warnings:
            status = NightStatus.WARNING
        moments = [each for each in (built.started_at, built.built_at, built.published_at) if each]
        return Night(
            day=day,
            status=status,
            loads=tuple(found),
            marts=built,
            started_at=min(starts + moments, default=None),
            ended_at=max(ends + moments, default=None),
            rows_read=sum(commit.rows_read for commit in commits),
            requests=sum(commit.requests for commit in commits),
            load_seconds=sum(commit.seconds for commit in commits),
            **lines("warnings", warnings),
        )

    def _loads(self, view: _View, day: date) -> list[LoadFacts]:
        late, tables = self._is_late(view, day), view.records.tables
        return [
            loads.facts(each, tables[str(each)], day, is_late=late, rate=self._rates.get(each.source))
            for each in self._entities
            if loads.is_expected(each, tables[str(each)], day, view.last)
        ]

    def _causes(self, day: date) -> dict[tuple[str, str], Words]:
        """Return why each load of a night failed, by source and entity.

        A role that may not read incidents has none: the page is shown without.
        """
        try:
            incidents = Incidents(self._reader.store).open("load")
        except (DocumentError, StoreError) as error:
            log.warning("the causes of failed loads are not shown: %s", error)
            return {}
        return {
            (incident.scope.partition(".")[2], failure.part): loads.cause_of(failure)
            for incident in incidents
            for failure in incident.failures
            if format_day(day) in failure.nights
        }

    def _is_late(self, view: _View, day: date) -> bool:
        return view.now >= late_at(self._sources.values(), day)

    def _mark(self, view: _View, day: date) -> NightMark:
        if view.is_before(day):
            return NightMark(day=day, status=NightStatus.BEFORE, complete=0, expected=0, published_at=None, reason=None)
        night = self._night(view, day)
        missing = [each.table for each in night.loads if each.commit is None]
        reason = None
        if night.status not in {NightStatus.COMPLETE, NightStatus.WARNING}:
            reason = f"no load of {_listed(missing)}" if missing else night.marts.note
        elif night.warnings:
            reason = night.warnings[0]
        return NightMark(
            day=day,
            status=night.status,
            complete=len(night.loads) - len(missing),
            expected=len(night.loads),
            published_at=night.marts.published_at,
            reason=reason,
        )

    def _load_run(self, view: _View, entity: Entity, run_id: str) -> RunFacts:
        table = view.records.tables[str(entity)]
        commit = next((each for _, each in sorted(table.commits.items(), reverse=True) if each.run_id == run_id), None)
        if commit is None:
            note = (
                f"This run committed no load of {entity}. It is still running, or it was held, refused or failed: the "
                "log of its task extract_load has the reason."
            )
            return RunFacts(dag_id=entity.dag_id, run_id=run_id, note=note)
        load = loads.committed(entity, commit, rate=self._rates.get(entity.source))
        return RunFacts(
            dag_id=entity.dag_id,
            run_id=run_id,
            night=loads.day_of_commit(commit),
            load=load,
            warnings=tuple(each.en for each in loads.warnings(load)),
        )

    def _build_run(self, view: _View, dag_id: str, run_id: str) -> RunFacts:
        folder = run_folder(run_id)
        for day, builds in view.records.builds.items():
            own = [each for each in builds if marts.is_of_run(each, folder)]
            if own and dag_id == "transform":
                late = self._is_late(view, day)
                facts = marts.facts(view.records, day, loads=self._loads(view, day), is_late=late, builds=own)
                warnings = tuple(each.en for each in marts.warnings_of_build(own[-1]))
                return RunFacts(dag_id=dag_id, run_id=run_id, night=day, marts=facts, warnings=warnings)
        if dag_id == "transform":
            note = f"No build of this run is in the lake. It did not begin, or it is older than {NIGHTS} nights."
        else:
            note = "This DAG loads no table and builds no marts."
        return RunFacts(dag_id=dag_id, run_id=run_id, note=note)


def _status(found: Sequence[LoadFacts], built: MartsStatus) -> NightStatus:
    waits = {LoadStatus.WAITING, LoadStatus.MISSING, LoadStatus.DAMAGED}
    required = [each for each in found if each.is_required]
    if built is MartsStatus.PUBLISHED and not any(each.status in waits for each in required):
        return NightStatus.COMPLETE
    if any(each.status is LoadStatus.WAITING for each in required) or built is MartsStatus.WAITING:
        return NightStatus.RUNNING
    return NightStatus.INCOMPLETE if any(each.commit for each in found) else NightStatus.MISSED


def _first_day(records: Records, entities: Sequence[Entity]) -> date | None:
    """Return the first day of which the lake has a load; one of a table that is loaded every night, if it has any."""
    days: dict[bool, list[str]] = {True: [], False: []}
    for entity in entities:
        loaded = records.tables[str(entity)].commits.values()
        days[entity.days_between_loads == 1].extend(each.partition[:10] for each in loaded)
    found = days[True] or days[False]
    return parse_day(min(found)) if found else None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= len(names[:3]) else f"{shown} and {len(names) - 3} more"

"""The callbacks of our DAGs: what failed, was skipped or has succeeded again becomes an incident.

Airflow calls those of a task in the task's own process, with the error. It calls those of a DAG in the DAG processor,
without the error, and after those of its tasks. They report what no task could: a process that was killed, or a run
that took too long.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from gamelake.days import day_of, format_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import Context

    from gamelake.incidents.documents import Fault, Severity
    from gamelake.incidents.incidents import Incidents
    from gamelake.lake.store import Store
    from gamelake.registry import Entity, Source
    from gamelake.words import Words

Callbacks = dict[str, Any]

RUN = "run"
"""The part of a scope that fails with a run, if the failure of a task would not be ended."""

WRONG_PARAMS = "params"
"""The kind of a run that a person started with params that cannot be used."""

COUNT_SECONDS = 3.0
"""How long tables are counted, of the 8 seconds in which the lake has to take a failure."""
MOST_READ = 20
"""How many of the newest publications are read to find that of a run."""


@dataclass(frozen=True, slots=True)
class _TaskFailed:
    """Reports that a task failed; arguments as `task_callbacks`. The run asks it for the scope of its task."""

    scope: str
    part: Callable[[Context], str] | None
    severity: Severity | None

    def __call__(self, context: Context) -> None:
        error, name = _error(context), self.part(context) if self.part else _task_id(context)
        if _has_wrong_params(context, error):
            _tell_wrong_params(context, self.scope, name, error)
            return
        _report(_fault(context, self.scope, _kind_of_build(error), name, _cause(error), self.severity))


def load_callbacks(source: Source, entity: Entity) -> Callbacks:
    """Return the callbacks of the task that loads an entity."""
    scope = f"load.{source.name}"

    def failed(context: Context) -> None:
        error = _error(context)
        if _has_wrong_params(context, error):
            _tell_wrong_params(context, scope, entity.name, error)
            return
        _report(
            _fault(context, scope, _kind_of_load(error), entity.name, _cause(error), _severity(source)),
            count=lambda store: loaded_tables(store, source, _night(context)),
        )

    def succeeded(context: Context) -> None:
        _succeed(context, scope, entity.name)

    return {"on_failure_callback": failed, "on_success_callback": succeeded}


def load_run_callbacks(source: Source, entity: Entity) -> Callbacks:
    """Return the callbacks of the DAG that loads an entity."""
    return {
        "on_failure_callback": lambda context: _lost(context, f"load.{source.name}", entity.name, _severity(source))
    }


def task_callbacks(
    scope: str,
    *,
    ends: bool = False,
    part: Callable[[Context], str] | None = None,
    severity: Severity | None = None,
) -> Callbacks:
    """Return the callbacks of a task that is no load.

    Args:
        scope: What fails with it, such as `transform`.
        ends: Whether its success is that of the whole scope.
        part: Returns which part of the scope a task is, whose success ends the failures of that part; without it the
            part is the task's id, and nothing ends with it alone.
        severity: How urgent its failure is; P0 by default.
    """

    def succeeded(context: Context) -> None:
        _succeed(context, scope, part(context) if part and not ends else None)

    failed = _TaskFailed(scope, part, severity)
    return {"on_failure_callback": failed, **({"on_success_callback": succeeded} if ends or part else {})}


def run_callbacks(scope: str, *, ends: bool = False, severity: Severity | None = None) -> Callbacks:
    """Return the callbacks of a DAG that is no load.

    Args:
        scope: As of `task_callbacks`.
        ends: Whether a run that succeeds ends the failures of lost ones: needed where no task ends the whole scope.
        severity: As of `task_callbacks`.
    """
    name = RUN if ends else None
    failed = {"on_failure_callback": lambda context: _lost(context, scope, None, severity, name=name)}
    return failed | ({"on_success_callback": lambda context: _succeed(context, scope, RUN)} if ends else {})


def report_lost(task_id: str, scope: str, severity: Severity) -> Callable[[Context], None]:
    """Return what reports, as the next task starts, that a task was lost whose failure fails no run.

    A process that is killed calls no callback, and the run, which succeeds, none for its failure.
    """

    def tell(context: Context) -> None:
        from gamelake.airflow.notifications import record

        task, run_id = context["ti"], context["run_id"]
        states = task.get_task_states(dag_id=task.dag_id, task_ids=[task_id], run_ids=[run_id])
        if states.get(run_id, {}).get(task_id) != "failed":
            return
        fault = replace(_fault(context, scope, "lost", task_id, _lost_cause("task_failure"), severity), log_url=None)
        record(lambda incidents, _: _has_failed(incidents, fault, task_id) or incidents.fail(fault), falls_back=True)

    return tell


def publication_skipped(context: Context) -> None:
    """Report that a finished build was not published, because readers have a later day or newer commits."""
    from gamelake.airflow.notifications import record
    from gamelake.words import Words

    outcome = context["ti"].xcom_pull(task_ids=context["ti"].task_id) or {}
    closed, run = _succeed(context, "transform", None), context["dag_run"]
    # Else a person asked for this day: by a run of it, or by clearing the one that it had.
    if not closed and run.run_type == "asset_triggered" and not run.clear_number:
        cause = Words(str(outcome.get("reason")), str(outcome.get("reason_ko")))
        notice = _fault(context, "transform", "skipped", "publish", cause, _severity(None))
        record(lambda incidents, _: incidents.notice(notice))


def loaded_tables(store: Store, source: Source, night: str) -> tuple[int, int] | None:
    """Return how many tables of a source have a load of a night or a later one, and how many there are.

    None, if the lake is too slow: the count must not cost the record of the failure.
    """
    from gamelake.lake.manifest import ManifestError
    from gamelake.lake.table import Table

    done, end = 0, time.monotonic() + COUNT_SECONDS
    for entity in source.entities.values():
        if time.monotonic() > end:
            return None
        try:
            newest = Table(store, entity.table).latest()
        except ManifestError:
            continue
        done += newest is not None and newest.partition >= night
    return done, len(source.entities)


def _report(fault: Fault, *, count: Callable[[Store], tuple[int, int] | None] | None = None) -> None:
    from gamelake.airflow.notifications import record_failure

    record_failure(fault, count=count)


def _has_wrong_params(context: Context, error: BaseException | str | None) -> bool:
    """Whether a person started a run or backfill with what cannot be used, as a day without loads: no night failed."""
    from gamelake.airflow.run_partition import ParamError
    from gamelake.days import PartitionError
    from gamelake.load.errors import UnreadablePartitionError
    from gamelake.marts.errors import UnbuildableDayError

    kinds = (ParamError, PartitionError, UnreadablePartitionError, UnbuildableDayError)
    is_of_a_person = getattr(context.get("dag_run"), "run_type", None) in {"manual", "backfill"}
    return is_of_a_person and any(isinstance(each, kinds) for each in _causes(error))


def _tell_wrong_params(context: Context, scope: str, part: str, error: BaseException | str | None) -> None:
    from gamelake.airflow.notifications import record

    notice = _fault(context, scope, WRONG_PARAMS, part, _cause(error), _severity(None))
    record(lambda incidents, _: incidents.notice(notice))


def _is_told(incidents: Incidents, scope: str, part: str | None, started: datetime | None) -> bool:
    """Whether wrong params of a run that began at a moment are told; `part` as of `_lost`."""
    newest = next((each for each in incidents.newest(scope) if each.kind == WRONG_PARAMS), None)
    if newest is None or started is None:
        return False
    return any(part in {None, each.part} and each.at >= started for each in newest.messages)


def _lost(
    context: Context, scope: str, part: str | None, severity: Severity | None = None, *, name: str | None = None
) -> None:
    """Report a run that failed, if none of its tasks did; as the failure of a part, by default of the failed task.

    A run that published has failed in a task that only shows something, and readers have its marts.
    """
    from gamelake.airflow.notifications import record

    callbacks = getattr(context.get("task"), "on_failure_callback", None) or ()
    listed = callbacks if isinstance(callbacks, Sequence) else (callbacks,)
    own = next((each for each in listed if isinstance(each, _TaskFailed)), None)
    if own and own.scope != scope:  # its failure is none of the rest of the run
        scope, severity = own.scope, own.severity
    reason = str(context.get("reason") or "the run failed")
    fault = _fault(context, scope, "lost", part or name or _task_id(context), _lost_cause(reason), severity)

    def fail(incidents: Incidents, store: Store) -> None:
        if scope == "transform" and own is None and incidents.is_lake and _has_published(store, context):
            return
        if _is_told(incidents, scope, part, getattr(context.get("dag_run"), "start_date", None)):
            return
        if not _has_failed(incidents, fault, part):
            incidents.fail(fault)

    record(fail, falls_back=True, is_run=True)


def _has_failed(incidents: Incidents, fault: Fault, part: str | None) -> bool:
    """Whether a failure of the same scope and night is open, of a part or of any one.

    A lake that was too slow for the callback of the task may have time enough now: its failure is on this machine.
    """
    from gamelake.airflow.notifications import store_of_this_machine
    from gamelake.incidents.incidents import Incidents

    here = Incidents(store_of_this_machine(), is_lake=False)
    failures = [
        failure for each in (*incidents.open(fault.scope), *here.open(fault.scope)) for failure in each.failures
    ]
    return any(fault.night in each.nights and part in {None, each.part} for each in failures)


def _has_published(store: Store, context: Context) -> bool:
    """Whether a run has published its marts, since it was started or cleared."""
    from gamelake.marts import pointer
    from gamelake.marts.documents import Action

    started, run_id = getattr(context.get("dag_run"), "start_date", None), context.get("run_id")
    newest = islice(pointer.history(store), MOST_READ)
    return any(
        each.by == run_id and each.action is Action.PUBLISH and (started is None or each.at >= started)
        for each in newest
    )


def _succeed(context: Context, scope: str, part: str | None) -> list[Any]:
    from gamelake.airflow.notifications import record_success

    return record_success(scope, night=_night(context), part=part)


def _fault(
    context: Context, scope: str, kind: str, part: str, cause: str | Words, severity: Severity | None = None
) -> Fault:
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    from gamelake.airflow.notifications import airflow_url
    from gamelake.incidents.documents import Fault, Severity

    task = context.get("ti")
    return Fault(
        scope=scope,
        kind=kind,
        part=part,
        night=_night(context),
        cause=str(redact(cause)) if isinstance(cause, str) else cause,
        severity=severity or Severity.P0,
        log_url=f"{airflow_url()}{_path(task.log_url)}" if task is not None else None,
        run_id=str(context.get("run_id") or "") or None,
    )


def _severity(source: Source | None) -> Severity:
    """Return how urgent a failed load is: whether the marts wait for its source."""
    from gamelake.incidents.documents import Severity

    if source is None:
        return Severity.P2
    return Severity.P0 if source.gates_transform else Severity.P1


def _night(context: Context) -> str:
    """Return the partition of a run; the Korean day of now if it has none that can be read."""
    from gamelake.airflow.run_partition import ParamError, run_partition
    from gamelake.days import PartitionError, scheme_of

    run = context.get("dag_run")
    try:
        key = getattr(run, "partition_key", None) or (context.get("params") or {}).get("date")
        return run_partition(context, scheme_of(str(key))) if key else run_partition(context)
    except (PartitionError, ParamError, AttributeError, KeyError, TypeError):
        return format_day(day_of(datetime.now(UTC)))


def _path(url: str) -> str:
    """Return what follows Airflow's address in the address of a log."""
    return f"/dags/{url.partition('/dags/')[2]}"


def _task_id(context: Context) -> str:
    task = context.get("ti")
    return str(task.task_id) if task is not None else RUN


def _error(context: Context) -> BaseException | str | None:
    return context.get("exception")


def _lost_cause(reason: str) -> Words:
    from gamelake.incidents.wording import text

    return text("cause.lost", reason=reason)


def _cause(error: BaseException | str | None) -> str | Words:
    """Return an error's own message, without what only Airflow needs of it."""
    from gamelake.airflow.dag import cause_of

    if error is None:
        return _lost_cause("no error")
    return cause_of(error).removeprefix("not retried: ")


def _causes(error: BaseException | str | None) -> Iterator[BaseException]:
    """Yield an error and those that it comes from."""
    while isinstance(error, BaseException):
        yield error
        error = error.__cause__


def _kind_of_load(error: BaseException | str | None) -> str:
    from apiclient.errors import ApiError, TransientError
    from gamelake.lake.store import StoreError
    from gamelake.load.errors import ContractError, HeldError, UnprovenError

    kinds = {
        HeldError: "held",
        UnprovenError: "unproven",
        ContractError: "contract",
        StoreError: "lake",
        TransientError: "source",
        ApiError: "refused",
    }
    return _kind(error, kinds)


def _kind_of_build(error: BaseException | str | None) -> str:
    from gamelake.airflow.dbt_build import FailedTestsError, FullDiskError, NoMemoryError
    from gamelake.lake.cloudfront import InvalidationError
    from gamelake.lake.store import StoreError
    from gamelake.load.errors import HeldEventsError

    kinds = {
        FailedTestsError: "test",
        FullDiskError: "disk",
        NoMemoryError: "memory",
        HeldEventsError: "held",
        InvalidationError: "cdn",
        StoreError: "lake",
    }
    return _kind(error, kinds)


def _kind(error: BaseException | str | None, kinds: dict[type[BaseException], str]) -> str:
    if error is None:
        return "lost"
    return next((kind for each in _causes(error) for known, kind in kinds.items() if isinstance(each, known)), "other")

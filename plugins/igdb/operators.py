"""IgdbToS3Operator: runs a load in the task's own event loop, and ends cleanly when it is killed or out of time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import Asset, BaseAsyncOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from igdb.errors import IgdbError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from igdb.client import IgdbClient

# What the clean-up after a time-out may take of the time itself.
_LONGEST_GRACE = 5.0
_GRACE_SHARE = 0.1


class Load(Protocol):
    """What the DAG file gives: the load itself, which knows the lake.

    `client` is open, `lake_uri` is the operator's. Returns its figures: JSON-able values by name, among them
    `partition`, the key of the day that was loaded.
    """

    async def __call__(self, client: IgdbClient, *, lake_uri: str, context: Context) -> Mapping[str, Any]:
        """Loads, and returns its figures."""
        ...


class IgdbToS3Operator(BaseAsyncOperator):
    """Runs `load` with the client of its connection; its figures become the events of the outlets, and the XCom.

    A run without a partition key gives its events the load's own partition, so that who waits for that day sees it.
    Killed or out of time, the load is cancelled and its requests are closed before the process ends. An error that the
    same request would meet again (a refused account, a wrong query) fails the task without a retry.
    """

    template_fields: Sequence[str] = ("lake_uri",)
    ui_color = "#e8dff5"

    def __init__(
        self,
        *,
        load: Load,
        lake_uri: str,
        igdb_conn_id: str = "igdb_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.load = load
        self.lake_uri = lake_uri
        self.igdb_conn_id = igdb_conn_id
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Runs `aexecute` so that whatever ends it, its clean-up runs: Airflow's own version drops the coroutine.

        The time-out is the loop's, a little before Airflow's: Airflow's alarm is raised in whatever runs at that
        moment, and in a callback of the loop it would be logged and lost. It stays, for a load that blocks the loop.
        """
        with asyncio.Runner() as runner:
            return runner.run(self._in_time(context))

    async def _in_time(self, context: Context) -> dict[str, Any]:
        self._running = (asyncio.get_running_loop(), _this_task())
        limit = self.execution_timeout.total_seconds() if self.execution_timeout else None
        deadline = None if limit is None else limit - min(_LONGEST_GRACE, limit * _GRACE_SHARE)
        try:
            async with asyncio.timeout(deadline) as timer:
                return await self.aexecute(context)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise AirflowTaskTimeout(f"{self.task_id}: cancelled after {deadline:.0f} s, near its time-out") from error
        finally:
            self._running = None

    async def aexecute(self, context: Context) -> dict[str, Any]:
        """The load between the opening and the closing of its client."""
        from igdb.hook import IgdbHook  # aiohttp takes longer to import than a DAG file to parse

        try:
            async with await IgdbHook(self.igdb_conn_id).client() as client:
                figures = dict(await self.load(client, lake_uri=self.lake_uri, context=context))
                stats = client.stats
        except TransientError:
            raise
        except IgdbError as error:
            raise AirflowFailException(f"not retried: {error}") from error
        self._emit(figures, context)
        self.log.info(
            "%s: %s; %d requests (%d retries), %.1f MB in %.0f s",
            self.task_id,
            ", ".join(f"{name} {value}" for name, value in figures.items()),
            stats.requests,
            stats.retries,
            stats.bytes / 1e6,
            stats.seconds,
        )
        return figures

    def on_kill(self) -> None:
        """Called in the signal handler of the task's process: cancels the load, whose clean-up then runs."""
        if self._running is not None:
            loop, task = self._running
            loop.call_soon_threadsafe(task.cancel)

    def _emit(self, figures: dict[str, Any], context: Context) -> None:
        for outlet in self.outlets:
            if not isinstance(outlet, Asset):
                continue
            event = context["outlet_events"][outlet]
            event.extra = figures
            if not context.get("partition_key"):
                if "partition" not in figures:
                    raise ValueError(
                        f"{self.task_id}: the run has no partition key, and `load` returned no `partition`"
                    )
                event.add_partitions(figures["partition"])


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("runs as a task of an event loop")
    return task

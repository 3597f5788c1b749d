"""CancellableOperator: a coroutine that ends cleanly when its task is killed or out of time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseAsyncOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from apiclient.errors import ApiError, TransientError

if TYPE_CHECKING:
    from airflow.sdk import Context

# The time for the clean-up after a time-out, as a part of the time itself.
_LONGEST_GRACE = 5.0
_GRACE_SHARE = 0.1


class CancellableOperator(BaseAsyncOperator):
    """Runs `aexecute` in the task's own event loop, so that its clean-up always runs.

    Killed or out of time, the coroutine is cancelled, and its requests are closed before the process ends. An ApiError
    that the same request would meet again (a refused account, a wrong query) fails the task without a retry.
    """

    _running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def execute(self, context: Context) -> Any:
        """Run `aexecute` so that its clean-up runs in every case: Airflow's own version drops the coroutine.

        The loop has its own time-out, a little before Airflow's. Airflow's alarm may interrupt a callback of the loop,
        which would log and lose it; it is kept for code that blocks the loop.
        """
        with asyncio.Runner() as runner:
            return runner.run(self._in_time(context))

    async def _in_time(self, context: Context) -> Any:
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
        except TransientError:
            raise
        except ApiError as error:
            raise AirflowFailException(f"not retried: {error}") from error
        finally:
            self._running = None

    async def aexecute(self, context: Context) -> Any:
        """Do the work, and return the task's XCom; subclasses implement this."""
        raise NotImplementedError

    def on_kill(self) -> None:
        """Cancel the coroutine; its clean-up then runs. Called in the signal handler of the task's process."""
        if self._running is not None:
            loop, task = self._running
            loop.call_soon_threadsafe(task.cancel)


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("runs as a task of an event loop")
    return task

"""The DAG class of `transform`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG
from cosmos.operators._watcher.base import BaseConsumerSensor


class TransformDAG(DAG):
    """A DAG that `airflow dags test` can run.

    Cosmos' sensors wait for the dbt process, which a scheduler starts beside them. One process that runs a task after
    the other would wait for ever, so there the dbt process goes first; and once, because whoever looks on wants to know
    at once what fails.
    """

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run one DAG run in this process; see `airflow.sdk.DAG.test`."""
        sensors = [each for each in self.tasks if isinstance(each, BaseConsumerSensor)]
        for producer in [each for each in self.tasks if each.task_id.endswith("dbt_producer_watcher")]:
            producer.set_downstream(sensors)
            producer.retries = 0
        return super().test(*args, **kwargs)

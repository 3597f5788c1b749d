"""The DAG class of `transform`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosmos.operators._watcher.base import BaseConsumerSensor

from gamelake.airflow.dag import LakeDAG

if TYPE_CHECKING:
    from gamelake.airflow.dag import Failure


class TransformDAG(LakeDAG):
    """A DAG that `airflow dags test` can run.

    Cosmos' sensors wait for the dbt process, which a scheduler starts beside them. One process that runs a task after
    the other would wait without end, so there the dbt process goes first.
    """

    def test_once(self, *args: Any, **kwargs: Any) -> tuple[Any, list[Failure]]:
        """Run one DAG run in this process; see LakeDAG."""
        sensors = [each for each in self.tasks if isinstance(each, BaseConsumerSensor)]
        for producer in [each for each in self.tasks if each.task_id.endswith("dbt_producer_watcher")]:
            producer.set_downstream(sensors)
        return super().test_once(*args, **kwargs)

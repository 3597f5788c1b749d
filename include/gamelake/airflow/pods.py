"""Which pod a task runs in, where each task has one of its own (Airflow's KubernetesExecutor).

`GAMELAKE_POD_TEMPLATES` names the folder of pod templates, as the scheduler sees it: `load.yaml`, `transform.yaml`,
`maintain.yaml`. deploy/helm/values.yaml makes them. If it is unset, tasks have no pod; other executors do not read it.
"""

from __future__ import annotations

from typing import Literal

from gamelake.settings import read_settings


def executor_config(kind: Literal["load", "transform", "maintain"]) -> dict[str, str]:
    """Return what an operator takes as its `executor_config`."""
    folder = read_settings().gamelake_pod_templates
    return {"pod_template_file": f"{folder}/{kind}.yaml"} if folder else {}

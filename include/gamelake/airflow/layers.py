"""A group of tasks for each layer of the dbt project, so that the graph of `transform` reads from left to right.

Cosmos' own grouping makes a group for every folder: `models`, in it `marts`, in it `marketing`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup
from cosmos import RenderConfig
from cosmos.airflow.graph import generate_task_or_group
from cosmos.constants import DbtResourceType

if TYPE_CHECKING:
    from cosmos.dbt.graph import DbtNode

TOOLTIPS = {
    "staging": "Typed rows of the sources, the newest of each.",
    "intermediate": "What several marts need.",
}


def layer_of(path: str) -> str:
    """Return the layer of a model, by the path of its file: the first folder below `models`, below `marts` its area."""
    _, *folders, _ = Path(path).parts
    return folders[1] if len(folders) > 1 and folders[0] == "marts" else folders[0]


def render_in_layers(**options: Any) -> RenderConfig:
    """How Cosmos renders, given the other options of a RenderConfig: each model's tasks in the group of its layer."""
    plain = RenderConfig(**options)

    def in_its_layer(
        *, dag: Any, task_group: TaskGroup, node: DbtNode, task_args: dict[str, Any], execution_mode: Any, **rest: Any
    ) -> Any:
        layer = layer_of(node.original_file_path)
        group = task_group.children.get(f"{task_group.group_id}.{layer}") or TaskGroup(
            dag=dag, group_id=layer, parent_group=task_group, tooltip=TOOLTIPS.get(layer, f"The models of {layer}.")
        )
        return generate_task_or_group(
            dag=dag,
            task_group=group,
            node=node,
            task_args=task_args,
            render_config=plain,
            node_converters={},
            execution_mode=execution_mode,
            test_indirect_selection=rest["test_indirect_selection"],
            dbt_project_name=rest["dbt_project_name"],
            on_warning_callback=rest["on_warning_callback"],
        )

    return RenderConfig(**options, node_converters={DbtResourceType.MODEL: in_its_layer})

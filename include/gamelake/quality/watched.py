"""What is checked of each mart: the thresholds in its YAML file, and its references to other marts.

Both are read from dbt's manifest. A column refers to another mart if it has the name of the tested key of that one, and
that one is a `dim_`: `game_id` refers to `dim_games`. `may_be_deleted` excepts columns: changes name deleted
games too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.lake.documents import DocumentError, convert
from gamelake.marts import dbt_project
from gamelake.marts.errors import TransformError
from gamelake.thresholds import MartThresholds, ModelThresholds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_MART = "parquet_file"


class ThresholdError(DocumentError):
    """A threshold in the YAML file of a mart is wrong."""


@dataclass(frozen=True, slots=True)
class WatchedMart:
    """A mart that is checked. `references` has the mart and its key by the column that refers to it."""

    thresholds: MartThresholds = field(default_factory=MartThresholds)
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class _Node(msgspec.Struct):
    """What is needed of a node of the manifest."""

    name: str
    resource_type: str
    fqn: list[str]
    columns: dict[str, Any] = {}
    config: dict[str, Any] = {}
    test_metadata: dict[str, Any] | None = None
    attached_node: str | None = None
    column_name: str | None = None


class _Manifest(msgspec.Struct):
    nodes: dict[str, _Node]


_MANIFEST = msgspec.json.Decoder(_Manifest)


def watched_marts(manifest: Path = dbt_project.MANIFEST) -> dict[str, WatchedMart]:
    """Return what is checked of each published mart, by its name.

    Raises:
        TransformError: There is no manifest.
        ThresholdError: A threshold is unknown or has a wrong value, or a mart has no such column.
    """
    nodes = _nodes(manifest)
    models = {
        key: node
        for key, node in nodes.items()
        if node.resource_type == "model" and node.config.get("materialized") == _MART
    }
    keys = {}
    for node in nodes.values():
        model = models.get(node.attached_node or "")
        is_key = (node.test_metadata or {}).get("name") == "primary_key"
        if is_key and model and node.column_name and model.name.startswith("dim_"):
            keys[node.column_name] = model.name
    return {node.name: _watched(node, keys) for node in models.values()}


def model_thresholds(manifest: Path = dbt_project.MANIFEST) -> dict[str, ModelThresholds]:
    """Return the thresholds of each model, by its name. Raises: as `watched_marts`."""
    return {node.name: _thresholds(node) for node in _nodes(manifest).values() if node.resource_type == "model"}


def _nodes(manifest: Path) -> dict[str, _Node]:
    if not manifest.exists():
        raise TransformError(f"{manifest} is missing: run `make setup`; an image has it built in")
    return _MANIFEST.decode(manifest.read_bytes()).nodes


def _thresholds(node: _Node) -> ModelThresholds:
    kind = MartThresholds if node.config.get("materialized") == _MART else ModelThresholds
    return convert(_declared(node), kind, ThresholdError, at=_place(node))


def _declared(node: _Node) -> Any:
    return (node.config.get("meta") or {}).get("quality", {})


def _place(node: _Node) -> str:
    return f"{node.name}: config.meta.quality"


def _watched(node: _Node, keys: Mapping[str, str]) -> WatchedMart:
    thresholds = convert(_declared(node), MartThresholds, ThresholdError, at=_place(node))
    for name in ("scores", "lookups", "may_be_deleted"):
        for column in getattr(thresholds, name):
            if column not in node.columns:
                raise ThresholdError(
                    f"{_place(node)}.{name}", column, f"a column of the mart: {', '.join(node.columns)}"
                )
    references = {
        column: (keys[column], column)
        for column in node.columns
        if keys.get(column, node.name) != node.name and column not in thresholds.may_be_deleted
    }
    return WatchedMart(thresholds, references)

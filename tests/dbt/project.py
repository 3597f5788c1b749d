"""dbt's manifest.json by the names that people use."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set


class Project:
    """A manifest by the names that people use: `dim_games`, `igdb.games`; exposures are `exposure.<name>`."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        nodes = manifest["nodes"].values()
        self.name: str = manifest["metadata"]["project_name"]
        self.models = {node["name"]: node for node in nodes if node["resource_type"] == "model"}
        self.tests = [node for node in nodes if node["resource_type"] == "test"]
        self.sources = {self._named(key): source for key, source in manifest["sources"].items()}
        self.exposures = {self._named(key): exposure for key, exposure in manifest["exposures"].items()}
        self.unit_tests = list(manifest["unit_tests"].values())
        self.macros = {key: macro for key, macro in manifest["macros"].items() if self._is_own(macro)}
        self.docs = {key: block for key, block in manifest["docs"].items() if self._is_own(block)}
        self.users = [*nodes, *manifest["macros"].values()]
        self.parents = {
            name: {self._named(key) for key in node["depends_on"]["nodes"]}
            for name, node in {**self.models, **self.exposures}.items()
        }
        self.children: dict[str, set[str]] = defaultdict(set)
        for name, parents in self.parents.items():
            for parent in parents:
                self.children[parent].add(name)

    def folders(self, model: str) -> list[str]:
        """The folders of a model's file below `models`, the innermost first."""
        path: list[str] = self.models[model]["fqn"]
        return path[-2:0:-1]

    def layer(self, model: str) -> str:
        return str(self.models[model]["fqn"][1])

    def sources_of(self, model: str, source: str | tuple[str, ...] = "") -> set[str]:
        return {parent for parent in self.parents[model] & set(self.sources) if parent.startswith(source)}

    def origins(self, model: str, *, without: Set[str] = frozenset()) -> set[str]:
        """The sources that a model reads, also through other models, but not through some of them."""
        found: set[str] = set()
        waiting = {model}
        while waiting:
            found |= waiting
            waiting = {parent for each in waiting & set(self.models) for parent in self.parents[each]} - found - without
        return found & set(self.sources)

    def tests_of(self, model: str, *names: str) -> list[dict[str, Any]]:
        """The generic tests of a model that fail a build."""
        attached = [test for test in self.tests if test["attached_node"] == self.models[model]["unique_id"]]
        named = [test for test in attached if test["test_metadata"]["name"] in names]
        return [test for test in named if test["config"]["severity"].lower() == "error"]

    def _is_own(self, entry: dict[str, Any]) -> bool:
        return bool(entry["package_name"] == self.name)

    @staticmethod
    def _named(unique_id: str) -> str:
        kind, _, *rest = unique_id.split(".")
        return ".".join(["exposure", *rest] if kind == "exposure" else rest)


def arguments(test: dict[str, Any]) -> dict[str, Any]:
    """What a generic test was told."""
    told: dict[str, Any] = test["test_metadata"]["kwargs"]
    return told

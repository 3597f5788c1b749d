"""The thresholds of the data quality: docs/reference/thresholds.md, from their declarations and the models' YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.paths import REPOSITORY
from gamelake.quality.watched import watched_marts
from gamelake.registry import load_entities
from gamelake.thresholds import MartThresholds, TableThresholds, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE_PATH = REPOSITORY / "docs" / "reference" / "thresholds.md"


def generated() -> dict[Path, str]:
    """Return the page by its path."""
    return {PAGE_PATH: "\n".join(_lines()) + "\n"}


def _lines() -> Iterator[str]:
    yield "<!-- Generated from gamelake.thresholds and the YAML files of the marts by `make generate`; do not edit. -->"
    yield ""
    yield "# Thresholds of the data quality"
    yield ""
    yield "[Data quality](../guides/data-quality.md) explains the checks, and how to change a threshold."
    yield ""
    yield "## Of a table, below `quality` in `entities.yaml`"
    yield ""
    yield from _defaults(TableThresholds)
    own = {str(each): each.quality for each in load_entities() if each.quality != TableThresholds()}
    yield (
        "Tables with thresholds of their own: "
        + (", ".join(f"`{name}` ({_own(each)})" for name, each in own.items()) or "none")
        + "."
    )
    yield ""
    yield "## Of a mart, below `config: meta: quality` in its YAML file"
    yield ""
    yield from _defaults(MartThresholds)
    yield "| Mart | Scores | Lookups | Refers to | Other settings |"
    yield "| --- | --- | --- | --- | --- |"
    for name, watched in sorted(watched_marts().items()):
        found = watched.thresholds
        parents = ", ".join(f"`{parent}`" for parent, _ in watched.references.values())
        columns = (", ".join(f"`{each}`" for each in names) for names in (found.scores, found.lookups))
        yield f"| `{name}` | {' | '.join(columns)} | {parents} | {_own(found, without=('scores', 'lookups'))} |"


def _defaults(kind: type[Thresholds]) -> Iterator[str]:
    yield "| Key | Meaning | Default |"
    yield "| --- | --- | --- |"
    declared = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    for name, value in msgspec.structs.asdict(kind()).items():
        shown = "none" if value in {None, ()} else f"`{value}`"
        yield f"| `{name}` | {_description(declared[name])} | {shown} |"
    yield ""


def _description(declared: dict[str, Any]) -> str:
    return str(declared["description"])


def _own(found: Thresholds, *, without: tuple[str, ...] = ()) -> str:
    own = {name: value for name, value in msgspec.to_builtins(found).items() if name not in without}
    return ", ".join(f"{name} {_shown(value)}" for name, value in own.items())


def _shown(value: Any) -> str:
    return " ".join(f"`{each}`" for each in value) if isinstance(value, (list, tuple)) else str(value)

"""The path of a published mart back to its files and to the source, from what the lake has in any case.

The document of the published generation names the marts, its `_inputs.json` the commits and files that the build read,
and dbt's manifest what each model is made of. No lineage event is needed.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING

from gamelake.feeds.documents import FEEDS
from gamelake.marts import pointer
from gamelake.marts.build_inputs import CommitInput, Inputs
from gamelake.marts.dbt_project import MANIFEST, history_model
from gamelake.marts.documents import INPUTS, Document, PublishedMart, read_built
from gamelake.marts.model_graph import MARTS, RAW, model_graph, upstream
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from gamelake.lake.store import ReadableStore
    from gamelake.marts.documents import Generation
    from gamelake.marts.model_graph import Table
    from gamelake.registry import Entity

MOST_FILES = 50
"""Of a table, the newest first: a history has a file for each day."""


class File(Document, frozen=True, kw_only=True):
    """A file of a table."""

    key: str
    partition: str
    rows: int | None


class Step(Document, frozen=True, kw_only=True):
    """A table on the path.

    `kind` is `raw`, `feeds`, `inputs`, `staging`, `intermediate` or `marts`. A table of a source has the commit that
    the build read, and where the rows come from; a published mart has its file. `file_count` counts all files, `files`
    has the newest MOST_FILES of them.
    """

    path: str
    name: str
    kind: str
    description: str
    reads: tuple[str, ...]
    origin: str | None = None
    commit: CommitInput | None = None
    mart: PublishedMart | None = None
    file_count: int = 0
    files: tuple[File, ...] = ()


class MartPath(Document, frozen=True, kw_only=True):
    """What a mart is made of: `steps` has the mart first, and the origins last."""

    name: str
    day: date
    generation: str
    built_at: datetime
    marts: tuple[str, ...]
    steps: tuple[Step, ...]


class UnknownMartError(LookupError):
    """There is no such mart in what readers have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"mart: found {self.name!r}, expected one of {', '.join(self.known)}"


def mart_path(store: ReadableStore, name: str | None = None, *, manifest: Path = MANIFEST) -> MartPath | None:
    """Return the path of a mart of the published generation.

    Args:
        store: The lake.
        name: The mart; None for the first one.
        manifest: dbt's.

    Returns:
        None, if nothing is published.

    Raises:
        UnknownMartError: The generation has no such mart.
        FileNotFoundError: There is no manifest.
        DocumentError: A document is damaged.
        StoreError: The lake cannot be read.
    """
    shown = pointer.current(store)
    if shown is None or not shown.marts:
        return None
    names = tuple(mart.name for mart in shown.marts)
    chosen = names[0] if name is None else name
    if chosen not in names:
        raise UnknownMartError(chosen, names)
    inputs = read_built(store, f"{shown.generation}/{INPUTS}", Inputs)
    tables = upstream(model_graph(manifest), [f"{MARTS}/{chosen}"]).values()
    return MartPath(
        name=chosen,
        day=shown.day,
        generation=shown.generation,
        built_at=shown.built_at,
        marts=names,
        steps=tuple(_steps(tables, shown, inputs)),
    )


def _steps(tables: Iterable[Table], shown: Generation, inputs: Inputs) -> Iterable[Step]:
    marts = {f"{MARTS}/{mart.name}": mart for mart in shown.marts}
    commits = {f"{RAW}/{each.source}/{each.entity}": each for each in inputs.commits if each.is_read}
    files, origins = _files(inputs), _origins()
    for table in tables:
        found = sorted(files.get(table.path, ()), key=lambda file: (file.partition, file.key), reverse=True)
        yield Step(
            path=table.path,
            name=table.name,
            kind=table.kind,
            description=table.description.strip(),
            reads=table.reads,
            origin=origins.get(table.path),
            commit=commits.get(table.path),
            mart=marts.get(table.path),
            file_count=len(found),
            files=tuple(found[:MOST_FILES]),
        )


def _files(inputs: Inputs) -> Mapping[str, list[File]]:
    """Return the files that a build read, by the paths of the tables."""
    files: dict[str, list[File]] = defaultdict(list)
    for each in inputs.files:
        path = f"{RAW}/{each.source}/{each.entity}"
        key = path + each.url.rpartition(path)[2]  # below the lake, wherever the build read it
        files[path].append(File(key=key, partition=each.partition, rows=each.rows))
    partitions = {step.to_version: step.partition for step in inputs.feed_steps}
    for feed in inputs.feed_files:
        path = f"{FEEDS}{feed.source}/{feed.entity}"
        key = path + feed.url.rpartition(path)[2]
        files[path].append(File(key=key, partition=partitions[feed.to_version], rows=feed.rows))
    for day in inputs.days:
        files[f"{MARTS}/{history_model()[0]}"].append(File(key=day.key, partition=str(day.day), rows=day.rows))
    return files


def _name_there(entity: Entity) -> str:
    return str(entity.options.get("endpoint") or entity.options.get("table") or entity.name)


def _origins() -> dict[str, str]:
    """Return what a source calls each table, such as `igdb: games`."""
    return {
        f"{RAW}/{source.name}/{entity.name}": f"{source.name}: {_name_there(entity)}"
        for source in load_sources().values()
        for entity in source.entities.values()
    }

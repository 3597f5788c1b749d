"""The registry: every source's `entities.yaml`, checked when it is read.

from gamelake.registry import load_sources
igdb = load_sources()["igdb"]
games = igdb.entities["games"]
igdb.pool                       # "igdb_api"
games.dag_id                    # "igdb_games"
games.fields["updated_at"]      # FieldType.TIMESTAMP
games.rules["id"].required      # True

The reader is the same for every source. What only one source understands stands in an entity's `options`, which that
source reads itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from gamelake.days import Scheme
from gamelake.declarations import (
    ChangesDeclaration,
    DatabaseDeclaration,
    EntityDeclaration,
    SourceDeclaration,
    TableOptions,
)
from gamelake.fields import ID_RULE, FieldRule, FieldType, RegistryError, parse_fields
from gamelake.kinds import Kind, SourceKind
from gamelake.lake.documents import convert
from gamelake.lake.keys import TableName
from gamelake.limits import Limits
from gamelake.settings import SettingsError, read_settings
from gamelake.thresholds import TableThresholds
from gamelake.yaml_loader import SafeLoader

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE_NAME = "entities.yaml"

_DEFAULT_LIMITS = Limits()
_DEFAULT_THRESHOLDS = TableThresholds()
# A ranking changes more from day to day than a list does.
_LIMITS_OF_KINDS = {Kind.TIME_SERIES: Limits(max_shrink=0.3)}


@dataclass(frozen=True, slots=True)
class Entity:
    """One table of a source.

    `fields` maps the source's names to types, `rules` maps those fields that have a rule to it. A load that exceeds
    `limits` is held. `quality` has the thresholds of the checks of its data. `options` are for the source's own reader.
    `schedule` is its own or that of its source, and empty for a table of changes, which has no load; `gates_transform`
    is that of its source. An incremental entity that is never `read_whole` begins with the rows that its reader
    chooses, and has their changes since.
    """

    source: str
    name: str
    description: str
    kind: Kind
    fields: Mapping[str, FieldType]
    schedule: str
    rules: Mapping[str, FieldRule] = field(default_factory=lambda: MappingProxyType({"id": ID_RULE}))
    limits: Limits = _DEFAULT_LIMITS
    quality: TableThresholds = _DEFAULT_THRESHOLDS
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    gates_transform: bool = True
    read_whole: bool = True

    def __str__(self) -> str:
        return str(self.table)

    def only(self, *fields: str) -> Entity:
        """Return the same entity with these fields alone."""
        return replace(
            self,
            fields={name: self.fields[name] for name in fields},
            rules={name: self.rules[name] for name in fields if name in self.rules},
        )

    @property
    def table(self) -> TableName:
        """The name of its table in the lake."""
        return TableName(self.source, self.name)

    @property
    def has_load(self) -> bool:
        """Whether a DAG loads it; else changes are applied to it whenever they arrive."""
        return self.kind is not Kind.CHANGES

    @property
    def days_between_loads(self) -> int:
        """The longest time between two loads, by its schedule: a day, a week or a month; a day without loads."""
        if not self.has_load:
            return 1
        _, _, day, _, weekday = self.schedule.split()
        return 31 if day != "*" else 7 if weekday != "*" else 1

    @property
    def dag_id(self) -> str:
        """The DAG that loads it."""
        return f"{self.source}_{self.name}"

    @property
    def asset_name(self) -> str:
        """The asset that a load of it updates."""
        return f"raw_{self.source}_{self.name}"


@dataclass(frozen=True, slots=True)
class Source:
    """One source: where its loads connect, when they run, and its tables by name.

    `connection` and `pool` are Airflow's names; `schedule` is a cron expression in Korean time, and an entity may have
    its own; `partition` is what one load is for, a day or an hour. With `gates_transform` the marts of a day are built
    only after all loads of this source have succeeded. An `optional` source is loaded where it is switched on. A source
    of the kind `debezium` has no loads: its `pool` and `schedule` are empty.
    """

    name: str
    description: str
    connection: str
    pool: str
    schedule: str
    partition: Scheme
    gates_transform: bool
    entities: Mapping[str, Entity]
    optional: bool = False
    kind: SourceKind = SourceKind.API


def load_sources(folder: Path | None = None) -> Mapping[str, Source]:
    """Read and check every source's `entities.yaml`.

    Args:
        folder: has one folder for each source. None: the packages below `gamelake.sources`, wherever they are.

    Returns:
        The sources by name, in the order of their names.

    Raises:
        RegistryError: A file is missing, cannot be parsed or has a wrong value.
    """
    # Not an import statement: the sources import the registry.
    package = import_module("gamelake.sources").__path__
    folders = [Path(each) for each in package] if folder is None else [folder]
    paths = sorted((path for each in folders for path in each.glob(f"*/{_FILE_NAME}")), key=lambda path: path.parts[-2])
    if not paths:
        raise RegistryError(str(folders[0]), None, f"a folder for each source, with its {_FILE_NAME}")
    return MappingProxyType({path.parent.name: _load_source(path) for path in paths})


def load_entities(folder: Path | None = None) -> tuple[Entity, ...]:
    """Read the entities of every source, in the order of the sources' names and of their files.

    Raises:
        RegistryError: As `load_sources`.
    """
    return _entities_of(load_sources(folder))


def switched_on() -> Mapping[str, Source]:
    """Return the sources that are on: the optional ones only if GAMELAKE_OPTIONAL_SOURCES names them.

    The tables of a source that is off are declared still: they are empty for dbt.

    Raises:
        SettingsError: The variable names a source that is not optional.
        RegistryError: As `load_sources`.
    """
    sources, named = load_sources(), read_settings().optional_sources
    known = sorted(name for name, source in sources.items() if source.optional)
    if wrong := sorted(named - set(known)):
        expected = f"one of {', '.join(known)}; commas between several" if known else "nothing: no source is optional"
        raise SettingsError(f"GAMELAKE_OPTIONAL_SOURCES: found {wrong[0]!r}, expected {expected}")
    return MappingProxyType({name: one for name, one in sources.items() if not one.optional or name in named})


def loaded_sources() -> Mapping[str, Source]:
    """Return the sources that are on and have DAGs. Raises as `switched_on`."""
    return _of_kind(SourceKind.API)


def captured_sources() -> Mapping[str, Source]:
    """Return the sources that are on and whose changes a capture sends. Raises as `switched_on`."""
    return _of_kind(SourceKind.DEBEZIUM)


def _of_kind(kind: SourceKind) -> Mapping[str, Source]:
    return MappingProxyType({name: source for name, source in switched_on().items() if source.kind is kind})


def loaded_entities() -> tuple[Entity, ...]:
    """Return the entities that have a DAG. Raises as `switched_on`."""
    return _entities_of(loaded_sources())


def kept_entities() -> tuple[Entity, ...]:
    """Return the entities that loads or changes keep up to date. Raises as `switched_on`."""
    return _entities_of(switched_on())


def _entities_of(sources: Mapping[str, Source]) -> tuple[Entity, ...]:
    return tuple(entity for source in sources.values() for entity in source.entities.values())


def _load_source(path: Path) -> Source:
    try:
        return _parsed(path.parent.name, path.read_text(encoding="utf-8"))
    except RegistryError as error:
        error.file = f"{path.parent.name}/{path.name}"
        raise


# By the text: a process reads the files again and again, and parses one again only after a change.
@lru_cache(maxsize=64)
def _parsed(folder: str, text: str) -> Source:
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RegistryError("file", str(error), "well-formed YAML") from error
    return _source(folder, document)


def _source(folder: str, document: object) -> Source:
    kind = document.get("kind", SourceKind.API) if isinstance(document, dict) else SourceKind.API
    if kind not in list(SourceKind):
        raise RegistryError("kind", kind, f"one of {', '.join(SourceKind)}")
    is_database = kind == SourceKind.DEBEZIUM
    entities = document.get("entities") if isinstance(document, dict) else None
    for name, body in entities.items() if isinstance(entities, dict) else ():
        # First, so that an error names the entity.
        if is_database and isinstance(body, dict) and isinstance(body.get("options"), dict):
            convert(body["options"], TableOptions, RegistryError, at=f"{name}.options")
        convert(body, ChangesDeclaration if is_database else EntityDeclaration, RegistryError, at=str(name))
    declared: SourceDeclaration | DatabaseDeclaration
    if is_database:
        declared = convert(document, DatabaseDeclaration, RegistryError)
    else:
        declared = convert(document, SourceDeclaration, RegistryError)
    if declared.source != folder:
        raise RegistryError("source", declared.source, f"{folder!r}, as the folder")
    if isinstance(declared, DatabaseDeclaration):
        return _database(declared)
    if declared.gates_transform and declared.optional:
        raise RegistryError("gates_transform", True, "false: the source is optional")
    if declared.gates_transform and declared.partition is Scheme.HOUR:
        raise RegistryError("gates_transform", True, "false: the marts are built by the day, and wait for no hour")
    return Source(
        name=declared.source,
        description=declared.description.strip(),
        connection=declared.connection,
        pool=declared.pool,
        schedule=declared.schedule,
        partition=declared.partition,
        gates_transform=declared.gates_transform,
        entities=MappingProxyType({name: _entity(declared, name, body) for name, body in declared.entities.items()}),
        optional=declared.optional,
    )


def _database(declared: DatabaseDeclaration) -> Source:
    return Source(
        name=declared.source,
        description=declared.description.strip(),
        connection=declared.connection,
        pool="",
        schedule="",
        partition=Scheme.DAY,
        gates_transform=False,
        entities=MappingProxyType({name: _changes(declared, name, body) for name, body in declared.entities.items()}),
        optional=declared.optional,
        kind=SourceKind.DEBEZIUM,
    )


def _changes(source: DatabaseDeclaration, name: str, declared: ChangesDeclaration) -> Entity:
    fields, rules = parse_fields(name, declared.fields)
    key = declared.options.key
    if fields.get(key, FieldType.INT) is not FieldType.INT:
        raise RegistryError(f"{name}.fields.{key}", fields[key].value, "int: it is the key of the table")
    return Entity(
        source=source.source,
        name=name,
        description=declared.description.strip(),
        kind=Kind.CHANGES,
        fields=fields,
        schedule="",
        rules=rules,
        limits=_limits(declared, Kind.CHANGES),
        quality=declared.quality,
        options=MappingProxyType({"table": declared.options.table, "key": key}),
        gates_transform=False,
    )


def _entity(source: SourceDeclaration, name: str, declared: EntityDeclaration) -> Entity:
    kind = declared.kind
    if kind is Kind.CHANGES:
        raise RegistryError(f"{name}.kind", kind.value, "another kind: only a source of the kind debezium has changes")
    fields, rules = parse_fields(name, declared.fields)
    if kind is Kind.INCREMENTAL and fields.get("updated_at") is not FieldType.TIMESTAMP:
        raise RegistryError(
            f"{name}.fields.updated_at", fields.get("updated_at"), "timestamp: an incremental entity needs it"
        )
    if not declared.read_whole and kind is not Kind.INCREMENTAL:
        raise RegistryError(f"{name}.read_whole", False, f"true: a {kind} is always read whole")
    if source.gates_transform and declared.schedule is not msgspec.UNSET:
        raise RegistryError(f"{name}.schedule", declared.schedule, "none: the marts of a day wait for all of its loads")
    return Entity(
        source=source.source,
        name=name,
        description=declared.description.strip(),
        kind=kind,
        fields=fields,
        schedule=source.schedule if declared.schedule is msgspec.UNSET else declared.schedule,
        rules=rules,
        limits=_limits(declared, kind),
        quality=declared.quality,
        options=MappingProxyType(declared.options),
        gates_transform=source.gates_transform,
        read_whole=declared.read_whole,
    )


def _limits(declared: EntityDeclaration | ChangesDeclaration, kind: Kind) -> Limits:
    """Return the limits that an entity declares, and those of its kind for the others."""
    limits = {key: getattr(declared, key, msgspec.UNSET) for key in ("max_shrink", "max_rejected", "max_unproven")}
    own = {key: share for key, share in limits.items() if share is not msgspec.UNSET}
    return replace(_LIMITS_OF_KINDS.get(kind, _DEFAULT_LIMITS), **own)


class _UniqueKeyLoader(SafeLoader):  # type: ignore[misc]
    """YAML lets a later key silently replace an earlier one: an entity declared twice is a mistake, not a choice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise RegistryError(f"line {key_node.start_mark.line + 1}", key, "each key once")
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

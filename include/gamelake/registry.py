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

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from gamelake.days import Scheme
from gamelake.fields import ID_RULE, FieldRule, FieldType, RegistryError, choice_of, parse_fields
from gamelake.lake.keys import TableName
from gamelake.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

_FILE_NAME = "entities.yaml"
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CRON_FIELDS = 5
_HEADER_KEYS = {"source", "description", "connection", "pool", "schedule", "partition", "gates_transform", "entities"}
_KEYS = {"description", "kind", "fields"}
_LIMIT_KEYS = {"max_shrink", "max_rejected", "max_unproven"}
_OPTIONAL_KEYS = {"options"} | _LIMIT_KEYS


class Kind(StrEnum):
    """How an entity is kept up to date."""

    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"
    TIME_SERIES = "time_series"


_DEFAULT_LIMITS = Limits()
# What IGDB ranks comes and goes, a whole popularity type with it.
_LIMITS_OF_KINDS = {Kind.TIME_SERIES: Limits(max_shrink=0.3)}


@dataclass(frozen=True, slots=True)
class Entity:
    """One table of a source.

    `fields` maps the source's names to types, `rules` maps those fields that have a rule to it. A load that exceeds
    `limits` is held. `options` are for the source's own reader.
    """

    source: str
    name: str
    description: str
    kind: Kind
    fields: Mapping[str, FieldType]
    rules: Mapping[str, FieldRule] = field(default_factory=lambda: MappingProxyType({"id": ID_RULE}))
    limits: Limits = _DEFAULT_LIMITS
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

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

    `connection` and `pool` are Airflow's names; `schedule` is a cron expression in Korean time; `partition` is what one
    load is for, a day or an hour. With `gates_transform` the marts of a day are built only after all loads of this
    source have succeeded.
    """

    name: str
    description: str
    connection: str
    pool: str
    schedule: str
    partition: Scheme
    gates_transform: bool
    entities: Mapping[str, Entity]


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
    return tuple(entity for source in load_sources(folder).values() for entity in source.entities.values())


def _load_source(path: Path) -> Source:
    try:
        return _source(path.parent.name, _document(path))
    except RegistryError as error:
        error.file = f"{path.parent.name}/{path.name}"
        raise


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RegistryError("file", str(error), "well-formed YAML") from error
    if not isinstance(document, dict):
        raise RegistryError("top level", document, f"a mapping with {', '.join(sorted(_HEADER_KEYS))}")
    return document


def _source(folder: str, document: Mapping[str, Any]) -> Source:
    _check_keys("top level", document, required=_HEADER_KEYS)
    name, declared = document["source"], document["entities"]
    if not isinstance(name, str) or not _SOURCE_NAME.fullmatch(name) or name != folder:
        raise RegistryError("source", name, f"{folder!r}, as the folder; lower-case letters and digits, as in igdb")
    if not isinstance(document["gates_transform"], bool):
        raise RegistryError("gates_transform", document["gates_transform"], "true or false")
    if not isinstance(declared, dict) or not declared:
        raise RegistryError("entities", declared, "a mapping of at least one entity")
    schedule = _text("schedule", document["schedule"])
    if len(schedule.split()) != _CRON_FIELDS:
        raise RegistryError("schedule", schedule, "a cron expression of 5 fields, such as 0 4 * * *")
    return Source(
        name=name,
        description=_text("description", document["description"]),
        connection=_text("connection", document["connection"]),
        pool=_text("pool", document["pool"]),
        schedule=schedule,
        partition=choice_of(Scheme, "partition", document["partition"]),
        gates_transform=document["gates_transform"],
        entities=MappingProxyType({key: _entity(name, key, body) for key, body in declared.items()}),
    )


def _check_keys(
    where: str, body: Mapping[Any, object], *, required: set[str], optional: Set[str] = frozenset()
) -> None:
    prefix = "" if where == "top level" else f"{where}."
    for key in sorted(required - set(body)):
        raise RegistryError(f"{prefix}{key}", None, "a value; the key is missing")
    for key in sorted(set(body) - required - optional, key=str):
        known = ", ".join(sorted(required | optional))
        raise RegistryError(f"{prefix}{key}", body[key], f"no such key; known are {known}")


def _entity(source: str, name: object, body: object) -> Entity:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistryError("entities", name, "a name in lower case, such as game_modes")
    if not isinstance(body, dict):
        raise RegistryError(name, body, f"a mapping with {', '.join(sorted(_KEYS))}")
    _check_keys(name, body, required=_KEYS, optional=_OPTIONAL_KEYS)
    kind = choice_of(Kind, f"{name}.kind", body["kind"])
    fields, rules = parse_fields(name, body["fields"])
    if kind is Kind.INCREMENTAL and fields.get("updated_at") is not FieldType.TIMESTAMP:
        raise RegistryError(
            f"{name}.fields.updated_at", fields.get("updated_at"), "timestamp: an incremental entity needs it"
        )
    options = body.get("options", {})
    if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
        raise RegistryError(f"{name}.options", options, "a mapping of the source's own options by name")
    return Entity(
        source=source,
        name=name,
        description=_text(f"{name}.description", body["description"]),
        kind=kind,
        fields=fields,
        rules=rules,
        limits=_limits(name, kind, body),
        options=MappingProxyType(options),
    )


def _limits(name: str, kind: Kind, body: Mapping[str, object]) -> Limits:
    shares = {key: _share(f"{name}.{key}", body[key]) for key in _LIMIT_KEYS & set(body)}
    return replace(_LIMITS_OF_KINDS.get(kind, _DEFAULT_LIMITS), **shares)


def _share(where: str, found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < 1:
        raise RegistryError(where, found, "a share of the table's rows, from 0 to less than 1, such as 0.05")
    return float(found)


def _text(where: str, found: object) -> str:
    if not isinstance(found, str) or not found.strip():
        raise RegistryError(where, found, "a text that is not empty")
    return found.strip()


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a later key silently replace an earlier one: an entity declared twice is a mistake, not a choice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise RegistryError(f"line {key_node.start_mark.line + 1}", key, "each key once")
            seen.add(key)
        return super().construct_mapping(node, deep)

"""The registry's typed reader: what an entity is, checked when it is read.

from gamelake.registry import load_registry
games = load_registry()["games"]
games.fields["updated_at"]      # FieldType.TIMESTAMP
games.rules["id"].required      # True
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from gamelake.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY_PATH = Path(__file__).parent / "sources" / "igdb" / "entities.yaml"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KEYS = {"description", "endpoint", "kind", "fields"}
_LIMIT_KEYS = {"max_shrink", "max_rejected", "max_unproven"}
_OPTIONAL_KEYS = {"filter"} | _LIMIT_KEYS

_Choice = TypeVar("_Choice", bound=StrEnum)


class RegistryError(ValueError):
    """The registry says something that cannot be: names the entity, the key, the value and what was expected."""

    def __init__(self, where: str, found: object, expected: str) -> None:
        super().__init__(f"entities.yaml: {where}: found {found!r}, expected {expected}")


class Kind(StrEnum):
    """How an entity is kept up to date."""

    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"
    TIME_SERIES = "time_series"


_DEFAULT_LIMITS = Limits()
# What IGDB ranks comes and goes, a whole popularity type with it.
_LIMITS_OF_KINDS = {Kind.TIME_SERIES: Limits(max_shrink=0.3)}


class FieldType(StrEnum):
    """The type of a field in the source's JSON."""

    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    BOOL = "bool"
    TIMESTAMP = "timestamp"
    INT_ARRAY = "int[]"

    @property
    def duckdb(self) -> str:
        """The column type that `read_json` is told; a timestamp stays unix seconds until staging types it."""
        return _DUCKDB_TYPES[self]


_DUCKDB_TYPES = {
    FieldType.INT: "bigint",
    FieldType.DOUBLE: "double",
    FieldType.STRING: "varchar",
    FieldType.BOOL: "boolean",
    FieldType.TIMESTAMP: "bigint",
    FieldType.INT_ARRAY: "bigint[]",
}


_NUMBERS = {FieldType.INT, FieldType.DOUBLE, FieldType.TIMESTAMP}
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a field's value must be besides its type; a row that breaks it is rejected.

    required: neither absent nor null. minimum, maximum: the least and the greatest number, None for no bound.
    """

    required: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None

    def __str__(self) -> str:
        words = ["required"] if self.required else []
        if self.minimum is not None and self.maximum is not None:
            words.append(f"{self.minimum} to {self.maximum}")
        elif self.minimum is not None:
            words.append(f"{self.minimum} or more")
        elif self.maximum is not None:
            words.append(f"at most {self.maximum}")
        return ", ".join(words)


ID_RULE = FieldRule(required=True, minimum=0, maximum=2**53)
"""Every entity's `id`: any reader of JSON can hold it exactly."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One table of the source.

    `filter` is an Apicalypse condition that every request carries, or None; `fields` maps the source's names to types,
    `rules` those of them to their rules that have one;
    beyond `limits` a load of it is held.
    """

    name: str
    description: str
    endpoint: str
    kind: Kind
    fields: Mapping[str, FieldType]
    rules: Mapping[str, FieldRule] = field(default_factory=lambda: MappingProxyType({"id": ID_RULE}))
    filter: str | None = None
    limits: Limits = _DEFAULT_LIMITS

    def only(self, *fields: str) -> Entity:
        """The same entity with these fields alone."""
        return replace(
            self,
            fields={name: self.fields[name] for name in fields},
            rules={name: self.rules[name] for name in fields if name in self.rules},
        )

    @property
    def dag_id(self) -> str:
        """The DAG that loads it."""
        return f"igdb_{self.name}"

    @property
    def asset_name(self) -> str:
        """The asset that a load of it updates."""
        return f"raw_{self.name}"


def load_registry(path: Path = REGISTRY_PATH) -> Mapping[str, Entity]:
    """Read and check the registry.

    Returns: entities by name, in the file's order.
    Raises: RegistryError, naming the entity, the key, the value and what was expected.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RegistryError(path.name, str(error), "well-formed YAML") from error
    if not isinstance(document, dict) or set(document) != {"entities"}:
        raise RegistryError(
            "top level", document if not isinstance(document, dict) else sorted(document), "one key: entities"
        )
    declared = document["entities"]
    if not isinstance(declared, dict) or not declared:
        raise RegistryError("entities", declared, "a mapping of at least one entity")
    return MappingProxyType({name: _entity(name, body) for name, body in declared.items()})


def _entity(name: object, body: object) -> Entity:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistryError("entities", name, "a name in lower case, such as game_modes")
    if not isinstance(body, dict):
        raise RegistryError(name, body, f"a mapping with {', '.join(sorted(_KEYS))}")
    for key in sorted(_KEYS - set(body)):
        raise RegistryError(f"{name}.{key}", None, "a value; the key is missing")
    for key in sorted(set(body) - _KEYS - _OPTIONAL_KEYS, key=str):
        raise RegistryError(
            f"{name}.{key}", body[key], f"no such key; known are {', '.join(sorted(_KEYS | _OPTIONAL_KEYS))}"
        )
    kind = _choice(Kind, f"{name}.kind", body["kind"])
    fields, rules = _fields(name, body["fields"])
    if kind is Kind.INCREMENTAL and fields.get("updated_at") is not FieldType.TIMESTAMP:
        raise RegistryError(
            f"{name}.fields.updated_at", fields.get("updated_at"), "timestamp: an incremental entity needs it"
        )
    return Entity(
        name=name,
        description=_text(f"{name}.description", body["description"]),
        endpoint=_text(f"{name}.endpoint", body["endpoint"]),
        kind=kind,
        fields=fields,
        rules=rules,
        filter=_text(f"{name}.filter", body["filter"]) if "filter" in body else None,
        limits=_limits(name, kind, body),
    )


def _limits(name: str, kind: Kind, body: Mapping[str, object]) -> Limits:
    shares = {key: _share(f"{name}.{key}", body[key]) for key in _LIMIT_KEYS & set(body)}
    return replace(_LIMITS_OF_KINDS.get(kind, _DEFAULT_LIMITS), **shares)


def _fields(name: str, declared: object) -> tuple[Mapping[str, FieldType], Mapping[str, FieldRule]]:
    if not isinstance(declared, dict) or not declared:
        raise RegistryError(f"{name}.fields", declared, "a mapping of field names to types")
    fields: dict[str, FieldType] = {}
    rules: dict[str, FieldRule] = {}
    for key, declaration in declared.items():
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            raise RegistryError(f"{name}.fields", key, "a field name in lower case")
        where = f"{name}.fields.{key}"
        type_name, *words = (isinstance(declaration, str) and declaration.split()) or [declaration]
        fields[key] = _choice(FieldType, where, type_name)
        rule = _rule(where, declaration, fields[key], words)
        if rule != FieldRule():
            rules[key] = rule
    if fields.get("id") is not FieldType.INT:
        raise RegistryError(f"{name}.fields.id", fields.get("id"), "int: every entity is keyed by id")
    if "id" in rules:
        raise RegistryError(f"{name}.fields.id", declared["id"], f"int alone: an id is always {ID_RULE}")
    return MappingProxyType(fields), MappingProxyType({"id": ID_RULE} | rules)


def _rule(where: str, declaration: object, kind: FieldType, words: list[str]) -> FieldRule:
    """The rule that the words behind a type declare: `required`, `min <number>`, `max <number>`, in this order."""
    left = list(words)
    required = left[:1] == ["required"]
    if required:
        del left[0]
    bounds: dict[str, int | float | None] = {"min": None, "max": None}
    for word in bounds:
        if left[:1] == [word] and len(left) > 1:
            bounds[word] = _bound(f"{where}, {word}", kind, left[1])
            del left[:2]
    if left:
        raise RegistryError(where, declaration, "a type, then any of: required, min <number>, max <number>")
    least, most = bounds["min"], bounds["max"]
    if least is not None and most is not None and least > most:
        raise RegistryError(where, declaration, f"max {least} or more, as min is {least}")
    return FieldRule(required, least, most)


def _bound(where: str, kind: FieldType, text: str) -> int | float:
    if kind not in _NUMBERS:
        raise RegistryError(where, text, f"no bound: a {kind.value} has none")
    try:
        number = float(text) if kind is FieldType.DOUBLE else int(text)
    except ValueError:
        raise RegistryError(where, text, "a number" if kind is FieldType.DOUBLE else "a whole number") from None
    if kind is FieldType.DOUBLE:
        if not isfinite(number):
            raise RegistryError(where, text, "a finite number")
        return int(number) if number == int(number) else number
    if number not in _INT64:
        raise RegistryError(where, text, "a number of 64 bits")
    return number


def _choice(choices: type[_Choice], where: str, found: object) -> _Choice:
    try:
        return choices(found)  # type: ignore[arg-type]
    except ValueError:
        raise RegistryError(where, found, f"one of {', '.join(choices)}") from None


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

"""The fields of an entity: their types, and the rules that their values must meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from gamelake.lake.documents import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class RegistryError(DocumentError):
    """An `entities.yaml` has a wrong value: names the file, too."""

    file = "entities.yaml"

    def __str__(self) -> str:
        return f"{self.file}: {super().__str__()}"


class FieldType(StrEnum):
    """The type of a field in the source's JSON."""

    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    BOOL = "bool"
    TIMESTAMP = "timestamp"
    INT_ARRAY = "int[]"
    JSON = "json"

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
    FieldType.JSON: "varchar",  # its text
}


_NUMBERS = {FieldType.INT, FieldType.DOUBLE, FieldType.TIMESTAMP}
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A rule for a field's value, in addition to its type; a row that breaks it is rejected.

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


MAX_ID = 2**53
"""Every reader of JSON keeps a number up to it exact."""
ID_RULE = FieldRule(required=True, minimum=0, maximum=MAX_ID)
"""Every entity's `id`."""


def parse_fields(name: str, declared: Mapping[str, object]) -> tuple[Mapping[str, FieldType], Mapping[str, FieldRule]]:
    """Parse the `fields` of an entity: their types, and the rules of those that have one.

    Raises:
        RegistryError: A field has no known type, or a rule that cannot be.
    """
    fields: dict[str, FieldType] = {}
    rules: dict[str, FieldRule] = {}
    for key, declaration in declared.items():
        if not _NAME.fullmatch(key):
            raise RegistryError(f"{name}.fields", key, "a field name in lower case")
        where = f"{name}.fields.{key}"
        type_name, *words = str(declaration).split() or [""]
        if type_name not in {each.value for each in FieldType}:
            raise RegistryError(where, type_name, f"one of {', '.join(FieldType)}")
        fields[key] = FieldType(type_name)
        rule = _rule(where, declaration, fields[key], words)
        if rule != FieldRule():
            rules[key] = rule
    if fields.get("id") is not FieldType.INT:
        raise RegistryError(f"{name}.fields.id", fields.get("id"), "int: every entity is keyed by id")
    if "id" in rules:
        raise RegistryError(f"{name}.fields.id", declared["id"], f"int alone: an id is always {ID_RULE}")
    return MappingProxyType(fields), MappingProxyType({"id": ID_RULE} | rules)


def _rule(where: str, declaration: object, kind: FieldType, words: list[str]) -> FieldRule:
    """Return the rule of the words after a type: `required`, `min <number>`, `max <number>`, in this order."""
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

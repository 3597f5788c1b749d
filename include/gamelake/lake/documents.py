"""Decode and validate documents: one kind of error for every difference from a document's struct."""

from __future__ import annotations

import re
import threading
from typing import Any, TypeVar

import msgspec

_Document = TypeVar("_Document", bound=msgspec.Struct)
_FIELD = re.compile(r"Object (missing required|contains unknown) field '(\w+)'")
_GOT = re.compile(r", got '\w+'$|^Invalid enum value .*")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN = "no such key"
_PAGE = "docs/guides/deploy/upgrade.md"
_PREPARED: set[Any] = set()
_PREPARING = threading.Lock()


class DocumentError(ValueError):
    """A document has an invalid value: names its key, the value found and what was expected."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        super().__init__(key, found, expected)
        self.key = key
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.key}: found {self.found!r}, expected {self.expected}"


def prepare(kind: Any) -> None:
    """Make a struct ready to be decoded, in one thread at a time. Do so before threads decode it.

    At the first use msgspec 0.22 reads the fields of a struct, and keeps what it has before it has all of them. Another
    thread that decodes the same struct meanwhile ends the process by a segmentation fault, or never ends.

    Args:
        kind: The struct, or a type with structs in it.
    """
    with _PREPARING:
        msgspec.json.Decoder(kind)


def parse_json(data: bytes, error: type[DocumentError]) -> Any:
    """Return the value that JSON states.

    Raises:
        DocumentError: Of the given kind: the bytes are no JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        raise error("document", data[:100], f"JSON: {reason}") from reason


def convert(document: Any, kind: type[_Document], error: type[DocumentError], *, at: str = "") -> _Document:
    """Return a parsed document as its struct.

    Args:
        document: Mappings, lists and scalars.
        kind: The struct.
        error: The kind of error.
        at: The key of the document, if it is a part of another one.

    Raises:
        DocumentError: Of the given kind: a value differs from what the struct declares or checks.
    """
    if kind not in _PREPARED:
        prepare(kind)
        _PREPARED.add(kind)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as reason:
        if isinstance(reason.__cause__, error):
            raise reason.__cause__ from reason
        message, _, path = str(reason).replace("`", "'").partition(" - at '")
        path = path.rstrip("'").removeprefix("key' in '").removeprefix("$").removeprefix(".")
        found, expected = document, _GOT.sub("", message.removeprefix("Expected "))
        for key, index in _STEP.findall(f".{path}".partition("[...]")[0]):
            found = found[key] if key else found[int(index)]
        if field := _FIELD.match(message):
            path, found = f"{path}.{field[2]}".lstrip("."), found.get(field[2])
            expected = "a value: the key is missing" if field[1].startswith("missing") else _UNKNOWN
        else:
            expected = ": ".join(filter(None, (expected, _explanation(kind, path))))
        raise error(".".join(filter(None, (at, path))) or "document", found, expected) from reason


def what_to_do(error: DocumentError, hint: str) -> str:
    """Return what to do about a document that is refused: if a later version wrote it, that version reads it.

    Args:
        error: Why it is refused.
        hint: What to do about a damaged one.
    """
    if error.key == "format_version" and "<=" in error.expected:
        return f"a later version of gamelake wrote it: use that version again ({_PAGE})"
    if error.expected == _UNKNOWN:
        return f"if a later version of gamelake wrote it, use that version again ({_PAGE}); else {hint}"
    return hint


def _explanation(kind: type[msgspec.Struct], field: str) -> str:
    """Return what the schema states of a field: its choices, or its description."""
    definitions = msgspec.json.schema(kind)["$defs"]
    declared = definitions[kind.__name__]["properties"].get(field, {})
    choices = definitions.get(declared.get("$ref", "").rpartition("/")[2], {}).get("enum")
    if choices:
        return f"one of {', '.join(choices)}"
    return str(declared.get("description", ""))

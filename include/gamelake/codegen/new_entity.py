"""Declare a new entity: fields from sample rows, and the text for the source's `entities.yaml`."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.codegen.yaml_text import scalar
from gamelake.fields import FieldType
from gamelake.kinds import Kind, SourceKind
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SOURCES_PATH = REPOSITORY / "include/gamelake/sources"

INCREMENTAL_ROWS = 20_000
"""Of a table with `updated_at`: from here on reading the changes costs less than reading all rows every day."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TIME_NAME = re.compile(r"(.*_)?(at|date|time)")
_SHARE_NAME = re.compile(r".*(average|percent|price|rating|ratio|score|share|value)")
_UNIX_SECONDS = range(500_000_000, 4_102_444_800)  # 1985 to 2099: few ids and counts are as large


class NewEntityError(Exception):
    """The entity cannot be declared; the message has what to do."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The type of a field by its sample values; None to leave it out.

    doubt: why it may be another type. Empty: nothing speaks against it.
    can_be_declared: False if no type of the registry fits: the doubt states why.
    """

    name: str
    type: FieldType | None
    doubt: str = ""
    can_be_declared: bool = True

    @property
    def is_open(self) -> bool:
        """Whether a person has to decide."""
        return bool(self.doubt) and self.can_be_declared


def read_sample(path: Path) -> list[dict[str, Any]]:
    """Read rows of a file: one JSON object a line, or one JSON array.

    Raises: NewEntityError.
    """
    try:
        text = path.read_bytes().strip()
        rows = orjson.loads(text) if text.startswith(b"[") else [orjson.loads(line) for line in text.splitlines()]
    except OSError as error:
        raise NewEntityError(f"{path}: {error.strerror}; expected a file of sample rows") from error
    except orjson.JSONDecodeError as error:
        raise NewEntityError(
            f"{path}: found something that is not JSON ({error}), expected one object a line, or an array of objects"
        ) from error
    if wrong := next((row for row in rows if not isinstance(row, dict)), None):
        raise NewEntityError(f"{path}: found {str(wrong)[:80]!r} as a row, expected an object")
    return rows


def guess_fields(rows: Sequence[Mapping[str, Any]]) -> list[Guess]:
    """Guess the type of each field: `id` first, then in the order in which they appear.

    Raises: NewEntityError, if there are no rows or one has no whole number as `id`.
    """
    if not rows:
        raise NewEntityError(
            "found no sample rows, expected at least one: choose an endpoint that has rows, or save a row of the API's "
            "documentation in a file and add --sample FILE"
        )
    if (wrong := next((row.get("id") for row in rows if type(row.get("id")) is not int), rows)) is not rows:
        raise NewEntityError(f"found a row with the id {wrong!r}, expected a whole number: every entity is keyed by id")
    names = dict.fromkeys(["id", *(name for row in rows for name in row)])
    return [_guess(name, [value for row in rows if (value := row.get(name)) is not None]) for name in names]


def _guess(name: str, values: list[Any]) -> Guess:
    kinds = {type(value) for value in values}
    if not _NAME.fullmatch(name):
        guess = Guess(name, None, "its name is not in lower case", can_be_declared=False)
    elif not values:
        guess = Guess(name, None, "it is null in every sample row")
    elif kinds == {list}:
        guess = _guess_list(name, [element for value in values for element in value])
    elif kinds == {bool}:
        guess = Guess(name, FieldType.BOOL)
    elif kinds == {str}:
        guess = Guess(name, FieldType.STRING, "" if any(values) else "it is an empty text in every sample row")
    elif kinds == {int}:
        guess = _guess_number(name, values)
    elif kinds <= {int, float}:
        guess = Guess(name, FieldType.DOUBLE)
    else:
        found = " and ".join(sorted({_JSON_NAMES[kind] for kind in kinds}))
        guess = Guess(name, None, f"the registry has no type for {found}", can_be_declared=False)
    return guess


_JSON_NAMES = {
    bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array", dict: "an object",
}  # fmt: skip


def _guess_list(name: str, elements: list[Any]) -> Guess:
    if not elements:
        return Guess(name, FieldType.INT_ARRAY, "it is an empty array in every sample row")
    if all(type(element) is int for element in elements):
        return Guess(name, FieldType.INT_ARRAY)
    return Guess(
        name, None, "the registry has no type for an array of other values than whole numbers", can_be_declared=False
    )


def _guess_number(name: str, values: list[int]) -> Guess:
    are_times = all(value in _UNIX_SECONDS for value in values)
    if _TIME_NAME.fullmatch(name):
        doubt = "" if any(value in _UNIX_SECONDS for value in values) else "its numbers are no times after 1985"
        return Guess(name, FieldType.INT if doubt else FieldType.TIMESTAMP, doubt)
    if are_times and name != "id":
        return Guess(name, FieldType.INT, "its numbers may be unix seconds: timestamp")
    if _SHARE_NAME.fullmatch(name):
        return Guess(name, FieldType.DOUBLE, "its numbers are whole: int, unless later rows have fractions")
    return Guess(name, FieldType.INT)


def guess_kind(fields: Iterable[str], total: int) -> Kind:
    """Return `incremental` for a large table whose rows state when they changed, else `snapshot`."""
    return Kind.INCREMENTAL if "updated_at" in fields and total >= INCREMENTAL_ROWS else Kind.SNAPSHOT


def entry(name: str, *, description: str, kind: Kind, options: Mapping[str, str], fields: Mapping[str, str]) -> str:
    """Return the lines of an entity, as they stand in `entities.yaml`. `fields` maps names to types with rules."""
    pairs = ", ".join(f"{key}: {scalar(value, flow=True)}" for key, value in options.items())
    lines = [
        f"  {scalar(name)}:",
        f"    description: {scalar(description)}",
        f"    kind: {kind.value}",
        f"    options: {{{pairs}}}",
        "    fields:",
        *(f"      {scalar(field)}: {declared}" for field, declared in fields.items()),
    ]
    return "\n".join(lines) + "\n"


def registry_path(source: str) -> Path:
    """Return the `entities.yaml` of a source."""
    return SOURCES_PATH / source / "entities.yaml"


def add_entity(source: str, text: str) -> None:
    """Add the text of an entity to the end of the source's `entities.yaml`; the rest of the file stays as it is.

    Raises: RegistryError, if the file would not be valid with it. It is not changed then.
    """
    path = registry_path(source)
    before = path.read_text(encoding="utf-8")
    after = f"{before.rstrip()}\n\n{text}"
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / source / path.name
        draft.parent.mkdir()
        draft.write_text(after, encoding="utf-8")
        load_sources(Path(folder))
    path.write_text(after, encoding="utf-8")


def check_name(source: str, name: str) -> None:
    """Check that an entity can have a name.

    Raises: NewEntityError, if it is illegal or taken; RegistryError, if the file is wrong already.
    """
    sources = load_sources(SOURCES_PATH)
    if source not in sources:
        raise NewEntityError(f"found no source {source!r}, expected one of {', '.join(sources)}")
    if sources[source].kind is not SourceKind.API:
        raise NewEntityError(
            f"{source} is a database, and has no endpoint to ask: write its table into {registry_path(source)}, as the "
            "others there (docs/guides/change-capture.md)"
        )
    if not _NAME.fullmatch(name):
        raise NewEntityError(
            f"found the name {name!r}, expected lower case letters, digits and `_`: add --name, such as game_engines"
        )
    if name in sources[source].entities:
        raise NewEntityError(
            f"{source}.{name} is declared already, in {registry_path(source)}: edit it there, or choose another --name"
        )

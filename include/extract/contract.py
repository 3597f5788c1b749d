"""Rows held to the registry: which can be staged, which are rejected and why, which fields nobody declared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import orjson

from include.lake.parts import Row
from include.registry import FieldType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.registry import Entity

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_PYTHON_TYPES: dict[FieldType, Any] = {
    FieldType.INT: _Int64 | None,
    FieldType.DOUBLE: float | None,
    FieldType.STRING: str | None,
    FieldType.BOOL: bool | None,
    FieldType.TIMESTAMP: _Int64 | None,
    FieldType.INT_ARRAY: list[_Int64] | None,
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that breaks the contract, and why."""

    row: Any
    reason: str


@dataclass(slots=True)
class Checked:
    """A page of rows after the check: those to stage, those to reject, and how often each undeclared field occurred."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    undeclared: Counter[str] = field(default_factory=Counter)


class RowContract:
    """What a row of an entity must be: an object with an id of 0 or more, and declared fields of their declared types.

    A field may be absent or null. Undeclared fields stay in the row and are counted.
    """

    def __init__(self, entity: Entity) -> None:
        fields = [(name, _PYTHON_TYPES[kind], None) for name, kind in entity.fields.items() if name != "id"]
        self._model = msgspec.defstruct(entity.name, [("id", _Id), *fields], kw_only=True)
        self._declared = frozenset(entity.fields)

    def check(self, page: Sequence[Any]) -> Checked:
        """Check a page of parsed rows and put each into one line of JSON."""
        checked = Checked()
        # One call in C passes a whole page; only a page with a bad row is looked at row by row.
        if self._violation(page, list[self._model]) is None:  # type: ignore[name-defined]
            good = page
        else:
            good = []
            for row in page:
                reason = self._violation(row, self._model)
                if reason is None:
                    good.append(row)
                else:
                    checked.rejects.append(Reject(row, reason))
        for row in good:
            if not row.keys() <= self._declared:
                checked.undeclared.update(row.keys() - self._declared)
            checked.rows.append(Row(orjson.dumps(row), row["id"], row.get("updated_at")))
        return checked

    @staticmethod
    def _violation(value: Any, model: Any) -> str | None:
        try:
            msgspec.convert(value, model, strict=True)
        except msgspec.ValidationError as error:
            return str(error)
        return None

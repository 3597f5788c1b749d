"""Rows held to the registry: which can be staged, which are rejected and why, which fields nobody declared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import orjson

from include.lake.parts import Rows
from include.registry import FieldType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    @property
    def row_id(self) -> int | None:
        """The row's id, None if it has no true one."""
        row_id = self.row.get("id") if isinstance(self.row, dict) else None
        return row_id if type(row_id) is int and row_id >= 0 else None


@dataclass(frozen=True, slots=True)
class Checked:
    """A page of rows after the check: those to stage, those to reject, and how often each undeclared field occurred.

    last_id: the highest id, of the rejected rows too where they have a true one; None if none has.
    """

    rows: Rows
    rejects: list[Reject] = field(default_factory=list)
    undeclared: Counter[str] = field(default_factory=Counter)
    last_id: int | None = None

    def __len__(self) -> int:
        """How many rows the page had."""
        return len(self.rows.ids) + len(self.rejects)

    def ids(self) -> Iterator[int]:
        """The ids of the rows, those of rejected ones too where they have a true one."""
        yield from self.rows.ids
        yield from (row_id for reject in self.rejects if (row_id := reject.row_id) is not None)


class RowContract:
    """What a row of an entity must be: an object with an id of 0 or more, and declared fields of their declared types.

    A field may be absent or null. Undeclared fields stay in the row and are counted.
    """

    def __init__(self, entity: Entity) -> None:
        fields = [(name, _PYTHON_TYPES[kind], None) for name, kind in entity.fields.items() if name != "id"]
        self._model = msgspec.defstruct(entity.name, [("id", _Id), *fields], kw_only=True)
        # One call in C passes a whole page; only a page that does not pass is looked at row by row.
        self._page = list[msgspec.defstruct(entity.name, [], bases=(self._model,), forbid_unknown_fields=True)]  # type: ignore[misc]
        self._declared = frozenset(entity.fields)

    def check(self, page: Sequence[Any]) -> Checked:
        """Check a page of parsed rows and put each into one line of JSON."""
        rejects = []
        undeclared: Counter[str] = Counter()
        good = page
        if _violation(page, self._page):
            good = []
            for row in page:
                reason = _violation(row, self._model)
                if reason:
                    rejects.append(Reject(row, reason))
                    continue
                good.append(row)
                undeclared.update(row.keys() - self._declared)
        rows = Rows(
            lines=b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in good]),
            ids=[row["id"] for row in good],
            max_updated_at=max([at for row in good if (at := row.get("updated_at")) is not None], default=None),
        )
        true_ids = [*rows.ids, *(row_id for reject in rejects if (row_id := reject.row_id) is not None)]
        return Checked(rows, rejects, undeclared, max(true_ids, default=None))


def _violation(value: Any, model: Any) -> str | None:
    try:
        msgspec.convert(value, model, strict=True)
    except msgspec.ValidationError as error:
        return str(error)
    return None

"""Validate rows against the registry: rows to stage, rejected rows with the reason, and undeclared fields."""

from __future__ import annotations

import base64
from bisect import bisect, bisect_left
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import orjson

from apiclient.elements import UnreadableRow
from gamelake.fields import FieldRule, FieldType
from gamelake.lake.documents import prepare
from gamelake.lake.parts import Rows
from gamelake.lake.rows import update_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.lake.id_ranges import IdRange
    from gamelake.registry import Entity

MAX_ROW_BYTES = 1024 * 1024
"""The longest row: IGDB's have 1 to 23 KB, and DuckDB builds 40 rows of this size within its default memory."""

_INT64 = FieldRule(minimum=-(2**63), maximum=2**63 - 1)
_NO_RULE = FieldRule()
_INTS = {FieldType.INT, FieldType.TIMESTAMP, FieldType.INT_ARRAY}
_EXACT = 2**53  # up to here every whole number is a double of its own
_MISPLACED_SHARE = 0.1  # of a page: if more of its rows are misplaced, the source lost the order or the condition
_PAGED = 2**63 - 1  # an id below can be asked for by number


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that breaks the contract, and why. `row` is as parsed, or an `UnreadableRow`.

    misplaced: it came where the id that it shows cannot be: the id is not the row's.
    """

    row: Any
    reason: str
    misplaced: bool = False

    @property
    def row_id(self) -> int | None:
        """The row's id, None if it has no true one."""
        if self.misplaced:
            return None
        row_id = self.row.get("id") if isinstance(self.row, dict) else getattr(self.row, "row_id", None)
        return row_id if type(row_id) is int and 0 <= row_id < _PAGED else None

    def kept(self) -> dict[str, Any]:
        """Return what is kept of the row: `row`, or `row_base64`, the bytes of a row that is no JSON."""
        if isinstance(self.row, UnreadableRow):
            return {"row_base64": base64.b64encode(self.row.raw).decode()}
        kept = {"row": self.row}
        return kept if _can_be_written(kept) else {"row": _flat(self.row)}


@dataclass(frozen=True, slots=True)
class Checked:
    """A page of rows after the check: those to stage, those to reject, and how often each undeclared field occurred.

    last_id: the highest id of the rows to stage, else of the rejected rows; None if no row has one. A rejected row may
        show a wrong id: a page that began after it would skip rows.
    trailing: how many rejected rows come after the row before the last one to stage (after the only one, if there is
        one); 0 if there is none to stage. `without_last` leaves them out, because the next page has them again.
    twice: the ids of which the page had two rows.
    """

    rows: Rows
    rejects: list[Reject] = field(default_factory=list)
    undeclared: Counter[str] = field(default_factory=Counter)
    last_id: int | None = None
    trailing: int = 0
    twice: Sequence[int] = ()

    def __len__(self) -> int:
        """How many rows the page had."""
        return len(self.rows.ids) + len(self.rejects)

    @property
    def next_id(self) -> int:
        """Return the id after the last one; 0 if no row has one."""
        return 0 if self.last_id is None else self.last_id + 1

    @property
    def highest(self) -> int:
        """The highest id, of the rejected rows too where they have a true one; -1 if no row has."""
        return max(self.ids(), default=-1)

    def within(self, window: IdRange) -> Checked:
        """Return the same page within its window: a rejected row with an id outside the window is misplaced."""
        rejects = [
            reject if reject.row_id is None or reject.row_id in window else replace(reject, misplaced=True)
            for reject in self.rejects
        ]
        return replace(self, rejects=rejects, last_id=_last_id(self.rows.ids, rejects))

    def without_last(self) -> Checked:
        """Return a full page without its last row, which the next page returns again.

        The last row may show a wrong id, and a full page is complete only below its last id.
        """
        rejects = self.rejects[: len(self.rejects) - self.trailing]
        if len(self.rows.ids) < 2:
            return replace(self, rejects=rejects, trailing=0)
        *lines, last = self.rows.lines.splitlines(keepends=True)
        again = Counter(name for name in orjson.loads(last) if name in self.undeclared)
        kept = _checked([orjson.loads(line) for line in lines], lines, rejects, self.undeclared - again)
        return replace(kept, twice=[row_id for row_id in self.twice if row_id != self.rows.ids[-1]])

    def ids(self) -> Iterator[int]:
        """Yield the ids of the rows, those of rejected ones too where they have a true one."""
        yield from self.rows.ids
        yield from (row_id for reject in self.rejects if (row_id := reject.row_id) is not None)


class _Good(NamedTuple):
    """A row to stage: its place in the page, the row, and its line of JSON."""

    place: int
    row: Any
    line: bytes


class RowContract:
    """What a row of an entity must be: an object with an id, and declared fields of their declared types and rules.

    A field that is not required may be absent or null. Undeclared fields stay in the row and are counted. A whole
    number that is written as a fraction, such as 5.0, is an int, and is staged as one.
    """

    def __init__(self, entity: Entity) -> None:
        fields = [_model_field(name, kind, entity.rules.get(name, _NO_RULE)) for name, kind in entity.fields.items()]
        self._model = msgspec.defstruct(entity.name, fields, kw_only=True)
        # One call in C passes a whole page; only a page that does not pass is looked at row by row.
        self._page = list[msgspec.defstruct(entity.name, [], bases=(self._model,), forbid_unknown_fields=True)]  # type: ignore[misc]
        for each in (self._model, self._page):
            prepare(each)
        self._declared = frozenset(entity.fields)
        self._ints = tuple(name for name, kind in entity.fields.items() if kind in _INTS)

    def check(self, page: Sequence[Any], *, window: IdRange | None = None) -> Checked:
        """Check a page of parsed rows and put each into one line of JSON.

        Args:
            page: The rows, ascending by id.
            window: The ids of the request, if the same rows came before. A good row that is out of order or outside of
                the window is then rejected, unless many rows are: the reply is wrong then, rather than its rows.
        """
        if not _violation(page, self._page):
            ids = [row["id"] for row in page]
            if len(set(ids)) == len(ids) and not (window and misplaced_ids(ids, window)):
                with suppress(orjson.JSONEncodeError):  # a field of any JSON may be nested without end
                    lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in page]
                    if max(map(len, lines), default=0) <= MAX_ROW_BYTES:
                        return _checked(page, lines)
        return self._check_each(page, window)

    def _check_each(self, page: Sequence[Any], window: IdRange | None) -> Checked:
        good: dict[int, _Good] = {}
        rejects: list[tuple[int, Reject]] = []
        twice: list[int] = []
        before = -1
        for place, found in enumerate(page):
            row, line, reason = self._line_of(found)
            if reason:
                rejects.append((place, Reject(found, reason)))
                continue
            row_id = row["id"]
            if earlier := good.get(row_id):
                twice.append(row_id)
                if window is None or earlier.line == line:
                    good[row_id] = _Good(earlier.place, row, line)
                    continue
                # One of them has the id of the other: it is out of order.
                wrong = earlier.place if row_id > before else place
                rejects.append((wrong, Reject(page[wrong], f"found id {row_id} on two rows of a page", misplaced=True)))
                if wrong == place:
                    continue
                del good[row_id]
            good[row_id] = _Good(place, row, line)
            before = row_id
        for row_id in misplaced_ids(list(good), window) if window else ():
            wrong = good.pop(row_id).place
            reason = f"found id {row_id} out of order, or outside of the ids that were asked for"
            rejects.append((wrong, Reject(page[wrong], reason, misplaced=True)))
        return replace(self._page_of(list(good.values()), sorted(rejects, key=itemgetter(0))), twice=twice)

    def _page_of(self, good: Sequence[_Good], rejects: Sequence[tuple[int, Reject]]) -> Checked:
        """Put together the rows of a page, in the order in which they came."""
        ids, places = [each.row["id"] for each in good], [each.place for each in good]
        placed = [
            replace(each, misplaced=each.misplaced or _is_misplaced(each, ids, bisect(places, place)))
            for place, each in rejects
        ]
        undeclared = Counter(name for each in good for name in each.row.keys() - self._declared)
        checked = _checked([each.row for each in good], [each.line for each in good], placed, undeclared)
        return replace(checked, trailing=sum(place > places[-2:][0] for place, _ in rejects) if good else 0)

    def _line_of(self, found: Any) -> tuple[Any, bytes, str | None]:
        """Return the row as it is staged, its line, and what is wrong with it, None if nothing is."""
        row, reason = self._judge(found)
        if reason:
            return row, b"", reason
        try:
            line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError as error:
            return row, b"", f"cannot be written as JSON: {error}"
        if len(line) > MAX_ROW_BYTES:
            return row, b"", f"found {len(line):,} bytes, expected at most {MAX_ROW_BYTES:,}"
        return row, line, None

    def _judge(self, row: Any) -> tuple[Any, str | None]:
        """Return the row as it is staged, and what is wrong with it, None if nothing is."""
        if isinstance(row, UnreadableRow):
            return row, row.reason
        reason = _violation(row, self._model)
        if reason and isinstance(row, dict):
            whole = row | {name: _whole(row[name]) for name in self._ints if name in row}
            if not _violation(whole, self._model):
                return whole, None
        return row, reason


def id_contract(entity: Entity) -> RowContract:
    """Return the contract of replies that bring nothing of a row but its id."""
    return RowContract(entity.only("id"))


def _checked(
    rows: Sequence[Any], lines: list[bytes], rejects: Sequence[Reject] = (), undeclared: Counter[str] | None = None
) -> Checked:
    ids = [row["id"] for row in rows]
    times = [at for row in rows if (at := update_time(row.get("updated_at"))) is not None]
    staged = Rows(lines=b"".join(lines), ids=ids, max_updated_at=max(times, default=None))
    return Checked(staged, list(rejects), Counter() if undeclared is None else undeclared, _last_id(ids, rejects))


def _last_id(ids: Sequence[int], rejects: Sequence[Reject]) -> int | None:
    return max(ids or (row_id for reject in rejects if (row_id := reject.row_id) is not None), default=None)


def misplaced_ids(ids: Sequence[int], window: IdRange) -> list[int]:
    """Return the fewest ids without which the others ascend within the window; nothing if they are many."""
    ends: list[int] = []  # the lowest id in which an ascending series of each length ends
    lengths = []  # of the longest such series that ends in each id; 0 outside of the window
    for row_id in ids:
        length = bisect_left(ends, row_id) + 1 if row_id in window else 0
        if length:
            ends[length - 1 : length] = [row_id]
        lengths.append(length)
    following = len(ends)
    misplaced = []
    for row_id, length in zip(reversed(ids), reversed(lengths), strict=True):
        if length and length == following:
            following -= 1
        else:
            misplaced.append(row_id)
    return misplaced if len(misplaced) <= max(1, len(ids) * _MISPLACED_SHARE) else []


def _is_misplaced(reject: Reject, ids: Sequence[int], place: int) -> bool:
    """Whether a rejected row shows an id that is not between those of the good rows around it: pages ascend."""
    row_id = reject.row_id
    if row_id is None:
        return False
    return (place > 0 and row_id <= ids[place - 1]) or (place < len(ids) and row_id >= ids[place])


def _model_field(name: str, kind: FieldType, rule: FieldRule) -> Any:
    """Return a field for msgspec: name and type, with the default None unless it is required."""
    if kind in {FieldType.INT, FieldType.TIMESTAMP}:
        expected: Any = Annotated[int, _meta(rule, _INT64)]
    elif kind is FieldType.DOUBLE:
        expected = Annotated[float, _meta(rule, _NO_RULE)]
    elif kind is FieldType.JSON:
        expected = Any
    elif kind is FieldType.INT_ARRAY:
        expected = list[Annotated[int, _meta(_NO_RULE, _INT64)]]
    else:
        expected = {FieldType.STRING: str, FieldType.BOOL: bool}[kind]
    return (name, expected) if rule.required else (name, expected | None, None)


def _meta(rule: FieldRule, otherwise: FieldRule) -> msgspec.Meta:
    least = otherwise.minimum if rule.minimum is None else rule.minimum
    most = otherwise.maximum if rule.maximum is None else rule.maximum
    return msgspec.Meta(ge=least, le=most)


def _whole(value: Any) -> Any:
    """Return a whole number that is written as a fraction as an int; anything else as it is."""
    if isinstance(value, list):
        return [_whole(element) for element in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def _flat(row: Any) -> Any:
    """Return a row that cannot be written: its fields, those that cannot be replaced by what they are."""
    if not isinstance(row, dict):
        return f"{type(row).__name__} nested too deep to be kept"
    return {
        # As deep as it is kept: a value that can be written alone may be too deep within the row.
        name: value if _can_be_written({"row": {name: value}}) else f"{type(value).__name__} nested too deep to be kept"
        for name, value in row.items()
    }


def _can_be_written(document: Any) -> bool:
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError:
        return False
    return True


def _violation(value: Any, model: Any) -> str | None:
    try:
        msgspec.convert(value, model, strict=True)
    except msgspec.ValidationError as error:
        return str(error)
    return None

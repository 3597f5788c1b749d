"""Faults that tests switch on: how a reply changes, for which requests, and how often.

sandbox.faults.add(Fault("status", status=429, times=3))
sandbox.faults.add(Fault("truncate", endpoint="games", contains="id >= 500"))
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from sandbox.igdb.errors import SandboxError
from sandbox.igdb.replies import ERRORS


class FaultError(SandboxError, ValueError):
    """An invalid fault: names the key, the value and what was expected."""


class FaultKind(StrEnum):
    """What happens in place of the reply."""

    STATUS = "status"  # the error reply of `status`, as IGDB words it
    RESET = "reset"  # the connection breaks before the headers
    RESET_BODY = "reset_body"  # the connection breaks in the middle of the body
    TRUNCATE = "truncate"  # 200 with the first half of the JSON
    HTML = "html"  # 200 with a page in HTML
    NULL = "null"  # 200 with `null`
    OBJECT = "object"  # 200 with `{}`
    EMPTY = "empty"  # 200 with `[]`
    DROP_ROW = "drop_row"  # the right reply short of a row
    NO_ROWS = "no_rows"  # the right reply without its rows: counts and X-Count are there
    HIDE_ROWS = "hide_rows"  # the right reply without the rows of `row_ids`, which counts and X-Count include
    UNCOUNTED_ROWS = "uncounted_rows"  # the right reply, but counts and X-Count leave the rows of `row_ids` out
    REPLACE = "replace"  # the right reply with `old` replaced by `new`, once
    HANG = "hang"  # the right reply after `seconds`
    WRONG_DATE = "wrong_date"  # the right reply, with a `Date` that is `seconds` ahead of the clock
    END_TOKENS = "end_tokens"  # 401, and all tokens are invalid from then on


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    endpoint: `games`, `games/count`, `multiquery`, `token`; None is any endpoint of the API but not `token`.
    times: how many requests it hits; None is all until the faults are cleared. after: how many it lets pass before.
    status, retry_after (seconds of a Retry-After header): for the kind `status`.
    seconds: for the kinds `hang` and `wrong_date`.
    contains: only requests whose query has this text.
    row_ids: for the kinds `hide_rows` and `uncounted_rows`.
    old, new: for the kind `replace`; a lone surrogate such as "\\udcff" in `new` is the byte 0xff, which is no UTF-8.
    """

    kind: FaultKind | str
    endpoint: str | None = None
    times: int | None = 1
    after: int = 0
    status: int = 500
    retry_after: int | None = None
    contains: str = ""
    seconds: float = 60.0
    row_ids: tuple[int, ...] = ()
    old: str = ""
    new: str = ""

    def __post_init__(self) -> None:
        if self.kind not in list(FaultKind):
            raise FaultError(f"fault.kind: found {self.kind!r}, expected one of {', '.join(FaultKind)}")
        if self.status not in ERRORS:
            raise FaultError(f"fault.status: found {self.status!r}, expected one of {', '.join(map(str, ERRORS))}")
        if (self.kind == FaultKind.REPLACE) != bool(self.old):
            raise FaultError(f"fault.old: found {self.old!r}, expected a text for the kind `replace`, and only for it")
        if (self.kind in {FaultKind.HIDE_ROWS, FaultKind.UNCOUNTED_ROWS}) != bool(self.row_ids):
            expected = "ids for the kinds `hide_rows` and `uncounted_rows`, and only for them"
            raise FaultError(f"fault.row_ids: found {self.row_ids!r}, expected {expected}")
        try:
            self.replaced(b"")
        except UnicodeEncodeError as error:
            expected = "a text whose lone surrogates are \\udc80 to \\udcff"
            raise FaultError(f"fault.new: found {self.new!r}, expected {expected}") from error
        if self.times is not None and self.times < 1:
            raise FaultError(f"fault.times: found {self.times!r}, expected 1 or more, or null for always")
        if self.after < 0:
            raise FaultError(f"fault.after: found {self.after!r}, expected 0 or more")

    def replaced(self, body: bytes) -> bytes:
        """Return what the kind `replace` makes of a reply."""
        return body.replace(self.old.encode(), self.new.encode(errors="surrogateescape"), 1)

    @classmethod
    def from_json(cls, document: Any) -> Fault:
        """Return a fault from the control API's JSON object. Raises: FaultError."""
        known = [field.name for field in fields(cls)]
        if not isinstance(document, dict) or "kind" not in document or not set(document) <= set(known):
            raise FaultError(
                f"fault: found {document!r}, expected an object with `kind` and any of {', '.join(known[1:])}"
            )
        row_ids = document.get("row_ids", [])
        if not isinstance(row_ids, list):
            raise FaultError(f"fault.row_ids: found {row_ids!r}, expected an array of ids")
        try:
            return cls(**document | {"row_ids": tuple(row_ids)})
        except TypeError as error:
            raise FaultError(f"fault: found {document!r}: {error}") from error

    def concerns(self, endpoint: str, query: str) -> bool:
        """Return whether a request is one that the fault may hit."""
        same = endpoint != "token" if self.endpoint is None else endpoint == self.endpoint
        return same and self.contains in query


class FaultRegistry:
    """The faults that are switched on; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[_Active] = []

    def add(self, *faults: Fault) -> None:
        """Switch faults on. Where several concern a request, the one added first hits."""
        with self._lock:
            self._active += [_Active(fault, to_pass=fault.after, left=fault.times) for fault in faults]

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._active = []

    def active(self) -> list[dict[str, Any]]:
        """Return the faults that are on, with `left`: how many requests they will still hit, None for any number."""
        with self._lock:
            return [asdict(active.fault) | {"left": active.left} for active in self._active]

    def take(self, endpoint: str, query: str) -> Fault | None:
        """Return the fault that hits this request; counts it."""
        with self._lock:
            for active in self._active:
                if not active.fault.concerns(endpoint, query):
                    continue
                if active.to_pass:
                    active.to_pass -= 1
                    continue
                if active.left is not None:
                    active.left -= 1
                    self._active = [other for other in self._active if other.left != 0]
                return active.fault
        return None


@dataclass(slots=True)
class _Active:
    fault: Fault
    to_pass: int
    left: int | None

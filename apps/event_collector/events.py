"""Bodies of requests as events of the inbox. Pure.

IGDB sends one row a request; other senders send up to MAX_BATCH events, with the names of CloudEvents' attributes.

    RefusedError     the body is no event; has the status and the reason
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from jsonschema.exceptions import ValidationError, best_match
from referencing.exceptions import Unresolvable

from apiclient.elements import UnreadableRow
from apiclient.rows import parse_row
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from apps.event_collector.senders import Sender

OPERATIONS = ("create", "update", "delete")
MAX_BATCH = 500
_MAX_ID = 2**63
_MAX_TEXT = 200
_KEYS = {"id", "type", "time", "data"}


class RefusedError(Exception):
    """A request is refused: the status of the answer, the message, and the reason in one word for the metrics."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def row_event(body: bytes, operation: str) -> bytes:
    """Return IGDB's row as an event.

    Args:
        body: The request's body.
        operation: One of OPERATIONS.

    Returns:
        A line: `{"id": 1942, "op": "update", "received_at": "2026-11-30T02:00:00.123456Z", "body": {…}}`.

    Raises:
        RefusedError: The body is no JSON object with an id.
    """
    row = _parsed(body)
    if not isinstance(row, dict):
        raise RefusedError(422, "shape", f"found {_kind(row)}, expected a JSON object with an id")
    # IGDB's sample of a delete has the id as a string.
    row_id = row.get("id")
    if isinstance(row_id, str) and row_id.isascii() and row_id.isdecimal() and len(row_id) < 20:
        row_id = int(row_id)
    if type(row_id) is not int or not 0 <= row_id < _MAX_ID:
        raise RefusedError(422, "shape", f"id: found {_short(row_id)}, expected a whole number of 0 or more")
    return _line({"id": row_id, "op": operation, "received_at": _now(), "body": row})


def sent_events(body: bytes, sender: Sender) -> tuple[dict[TableName, list[bytes]], list[dict[str, Any]]]:
    """Return the events of a batch, by table, and those that are refused, with their index and the reason.

    Raises:
        RefusedError: The body is no batch.
    """
    batch = _parsed(body)
    if not isinstance(batch, list) or not 1 <= len(batch) <= MAX_BATCH:
        found = f"{len(batch):,} elements" if isinstance(batch, list) else _kind(batch)
        raise RefusedError(422, "shape", f"found {found}, expected a JSON array of 1 to {MAX_BATCH} events")
    lines: dict[TableName, list[bytes]] = {}
    refused: list[dict[str, Any]] = []
    received_at = _now()
    for index, event in enumerate(batch):
        reason = _fault(event, sender)
        if reason is None:
            try:
                line = _line({"id": event["id"], "op": "event", "received_at": received_at, "body": event})
            except RefusedError as error:
                reason = str(error)
            else:
                lines.setdefault(TableName(sender.name, event["type"]), []).append(line)
        if reason:
            refused.append({"index": index, "reason": reason})
    return lines, refused


def _fault(event: Any, sender: Sender) -> str | None:
    """Return what is wrong with an event, None if nothing is."""
    if not isinstance(event, dict):
        return f"found {_kind(event)}, expected an object"
    event_id, kind = event.get("id"), event.get("type")
    expected = None
    if unknown := sorted(event.keys() - _KEYS):
        expected = f"{_short(unknown[0])}: no such key, expected {', '.join(sorted(_KEYS))}"
    elif not isinstance(event_id, str) or not 0 < len(event_id) <= _MAX_TEXT:
        expected = f"id: found {_short(event_id)}, expected a text of 1 to {_MAX_TEXT} characters"
    elif not isinstance(kind, str) or kind not in sender.types:
        expected = f"type: found {_short(kind)}, expected one of {', '.join(sorted(sender.types))}"
    elif "time" in event and not _is_time(event["time"]):
        expected = f"time: found {_short(event['time'])}, expected such as 2026-11-30T02:00:00Z"
    return expected or _fault_of_data(event.get("data"), sender.types[event["type"]])


def _fault_of_data(data: Any, schema: Validator) -> str | None:
    try:
        error = best_match(schema.iter_errors(data))
    except (RecursionError, Unresolvable) as failure:
        return f"data: cannot be compared with its schema: {type(failure).__name__}"
    return _explained(error) if error else None


def _explained(error: ValidationError) -> str:
    where = error.json_path.removeprefix("$")
    return f"data{where}: {error.message[:_MAX_TEXT]}"


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _parsed(body: bytes) -> Any:
    """Return what JSON states; see `apiclient.rows` for what not every parser takes."""
    found = parse_row(body)
    if isinstance(found, UnreadableRow):
        raise RefusedError(400, "json", f"the body is no JSON: {found.reason}"[:_MAX_TEXT])
    return found


def _line(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError as error:
        raise RefusedError(400, "json", f"the body cannot be written as JSON: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _short(value: object) -> str:
    return repr(value)[:80]

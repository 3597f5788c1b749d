"""Events as the collector stores them, put into the inbox of a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.inbox import Inbox

if TYPE_CHECKING:
    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store

Event = dict[str, Any]


def event(operation: str, row: dict[str, Any], received: float) -> Event:
    """An event of IGDB; `received` is in unix seconds."""
    moment = datetime.fromtimestamp(received, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"id": row["id"], "op": operation, "received_at": moment, "body": row}


def put(store: Store, table: TableName, *events: Event) -> int:
    """Store events as the next part of an inbox. Returns: its number."""
    return Inbox(store, table).add(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in events))

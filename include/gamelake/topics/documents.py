"""The position of a topic as the lake keeps it (contract).

topics/<topic>/00000000000000000042.json    created only if absent; the highest number counts

A position states what the topic has. The next messages are those after it, so a kill costs repeats and no message.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import orjson
from msgspec import Meta

from gamelake.lake.documents import DocumentError, convert, parse_json

FORMAT_VERSION = 1

Count = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]


class PositionError(DocumentError):
    """A position of a topic has an invalid value."""


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to where a topic has the messages of a feed, or of an inbox."""

    format_version: Annotated[int, Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    number: Annotated[int, Meta(ge=1, description="The number of a step of the feed, or of a part of the inbox.")]
    made_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When that step was made: another step of the same number is another feed. Null: an inbox."),
    ]
    is_snapshot: Annotated[
        bool, Meta(description="The messages are the rows of the table at the end of that step, not its changes.")
    ]
    messages: Annotated[Count, Meta(description="How many messages of it were sent.")]
    is_complete: Annotated[bool, Meta(description="Whether these are all of it.")]
    reason: Annotated[Text | None, Meta(description="Why there is a snapshot, or a position before the last one.")]
    sent_at: Annotated[datetime, Meta(tz=True, description="When the broker had the messages.")]
    sender: Annotated[Text, Meta(description="The process that sent them: its host and a text of its own.")]

    @property
    def place(self) -> tuple[int, bool, int]:
        """What tells which of two positions is further."""
        return self.number, self.is_complete, self.messages

    def to_json(self) -> bytes:
        """Return the position as it is in the lake, indented for people. Raises: PositionError."""
        document = msgspec.to_builtins(self, builtin_types=(datetime,))
        convert(document, Position, PositionError)  # building a struct validates no bounds
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Position:
        """Read and validate a position. Raises: PositionError."""
        return convert(parse_json(data, PositionError), cls, PositionError)

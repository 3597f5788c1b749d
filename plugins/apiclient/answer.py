"""ApiAnswer: a 200 as it came, and the error for one that is not what the endpoint promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn

from apiclient.errors import ReplyError
from apiclient.rows import clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A 200 as it came, with what an error about it needs."""

    api: ClassVar[str]
    """The name of the API for people, for errors."""

    endpoint: str
    query: str
    body: bytes
    headers: Mapping[str, str]

    def date(self) -> datetime:
        """Return the source's clock when it answered (UTC). Raises: ReplyError."""
        header = self.headers.get("Date", "")
        try:
            return clock(header)
        except ValueError:
            self.refuse(f"Date is {header!r}: without it the source's clock is not known")

    def refuse(self, what: str) -> NoReturn:
        """Raise the ReplyError of an answer that is `what`."""
        raise ReplyError(
            f"status 200, but {what}",
            api=self.api,
            endpoint=self.endpoint,
            query=self.query,
            status=200,
            reply=self.body.decode(errors="replace"),
        )

"""What the sandbox refuses.

SandboxError
  WorldError    rows, days or folders that cannot be; the message names the thing, the value and what was expected
  QueryError    a query that IGDB refuses; carries the reply's status, title and cause
"""

from __future__ import annotations


class SandboxError(Exception):
    """Anything that the sandbox refuses."""


class WorldError(SandboxError, ValueError):
    """Rows, days or folders that cannot be."""


class QueryError(SandboxError):
    """A query that IGDB refuses: `title`, `status` and `cause` are the values in the reply's array."""

    def __init__(self, title: str, cause: str, status: int = 400) -> None:
        super().__init__(f"{title}: {cause}")
        self.title = title
        self.cause = cause
        self.status = status


def syntax_error(cause: str) -> QueryError:
    """Return the error of a query that does not parse."""
    return QueryError("Syntax Error", cause)


def invalid_field(name: str) -> QueryError:
    """Return the error of a field that the endpoint does not have."""
    return QueryError("Invalid Field", f"Invalid field name: '{name}'")

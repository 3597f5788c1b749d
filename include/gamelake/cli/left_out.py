"""The tables that a list leaves out, because a document of theirs is damaged: it shows the others."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class LeftOut:
    """The tables that one list leaves out, and why."""

    def __init__(self) -> None:
        self._errors: dict[str, Exception] = {}

    @contextmanager
    def of(self, table: object) -> Iterator[None]:
        """Read documents of a table; the error of one that is damaged or lost is kept for `tell`."""
        from gamelake.lake.documents import DocumentError
        from gamelake.lake.store import ObjectNotFoundError

        try:
            yield
        except (DocumentError, ObjectNotFoundError) as error:
            self._errors[str(table)] = error

    def tell(self) -> int:
        """Print which tables are damaged, and how. Returns: the exit status of the list."""
        for table, error in self._errors.items():
            print(f"{table} is damaged: {error}", file=sys.stderr)
        return 1 if self._errors else 0

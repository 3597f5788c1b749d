"""The folder of a load on the disk of its worker."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gamelake.lake import scratch
from gamelake.load.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WHAT_TO_DO = (
    "A load keeps parts of up to 64 MB there until the lake has them: free space, or set TMPDIR to another folder"
)


@contextmanager
def scratch_folder(what_to_do: str = _WHAT_TO_DO, *, done: str = "nothing was committed") -> Iterator[Path]:
    """Provide a temporary folder, as `gamelake.lake.scratch` does. Raises: LoadError."""
    with scratch.scratch_folder(what_to_do, done=done, error=LoadError) as folder:
        yield folder

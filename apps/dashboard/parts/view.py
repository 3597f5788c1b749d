"""What every page gets: the snapshot, the texts, whether covers are shown, and links that keep the viewer's choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Snapshot
    from apps.dashboard.texts import Texts


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows, and to whom.

    Attributes:
        snapshot: The generation that the whole page is of.
        texts: The viewer's language.
        has_covers: Whether covers are shown; without them no request leaves for another host.
        kept: Parameters that every link keeps: the language and the covers, if the viewer chose them.
    """

    snapshot: Snapshot
    texts: Texts
    has_covers: bool
    kept: dict[str, str]

    def link(self, page: str, **parameters: object) -> str:
        """Return the address of a page, relative to the one that is open."""
        path = "." if page == "overview" else page
        query = urlencode({**parameters, **self.kept})
        return f"{path}?{query}" if query else path

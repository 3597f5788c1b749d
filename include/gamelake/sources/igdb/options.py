"""The options of an entity that only IGDB's reader understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.fields import RegistryError

if TYPE_CHECKING:
    from gamelake.registry import Entity


@dataclass(frozen=True, slots=True)
class IgdbOptions:
    """Where IGDB has an entity's rows.

    `filter` is an Apicalypse condition that every request carries, or None.
    """

    endpoint: str
    filter: str | None = None

    @classmethod
    def of(cls, entity: Entity) -> IgdbOptions:
        """Read an entity's `options`.

        Raises:
            RegistryError: The endpoint is missing, an option is unknown, or a value is no text.
        """
        known = cls.__dataclass_fields__.keys()
        for name, found in {"endpoint": None, **entity.options}.items():
            if name not in known:
                raise RegistryError(f"{entity}.options.{name}", found, f"no such option; known are {', '.join(known)}")
            if not isinstance(found, str) or not found.strip():
                raise RegistryError(f"{entity}.options.{name}", found, "a text that is not empty")
        return cls(**{name: text.strip() for name, text in entity.options.items()})

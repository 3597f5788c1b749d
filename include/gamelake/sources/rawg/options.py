"""The options of an entity that only RAWG's readers understand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gamelake.fields import RegistryError
from gamelake.sources.rawg.plan import Priority

if TYPE_CHECKING:
    from gamelake.registry import Entity


class Reading(StrEnum):
    """How an entity is read."""

    LIST = "list"
    """A list, whole."""
    CHANGES = "changes"
    """The games that changed, by windows of `updated`."""
    DETAIL = "detail"
    """One object for each game that changed."""
    SUBLIST = "sublist"
    """One list for each game that changed."""


_PRIORITIES = {
    Reading.LIST: Priority.LISTS,
    Reading.CHANGES: Priority.CHANGES,
    Reading.SUBLIST: Priority.STORES,
    Reading.DETAIL: Priority.DETAILS,
}


@dataclass(frozen=True, slots=True)
class RawgOptions:
    """Where RAWG has an entity's rows.

    path: of the API; `{id}` is that of a game. read: how it is read. games_per_load: the most games of one load, where
    each costs a request; 0: it is not read by games. first_games: the most games of the first load of changes.
    """

    path: str
    read: Reading
    games_per_load: int = 0
    first_games: int = 0

    @classmethod
    def of(cls, entity: Entity) -> RawgOptions:
        """Read an entity's `options`.

        Raises:
            RegistryError: An option is missing, unknown or has a wrong value.
        """
        options = dict(entity.options)
        for name in options.keys() - cls.__dataclass_fields__.keys():
            expected = f"no such option; known are {', '.join(cls.__dataclass_fields__)}"
            raise RegistryError(f"{entity}.options.{name}", options[name], expected)
        path, read = options.get("path"), options.get("read")
        if not isinstance(path, str) or not path:
            raise RegistryError(f"{entity}.options.path", path, "a path of the API, such as genres")
        if read not in set(Reading):
            raise RegistryError(f"{entity}.options.read", read, f"one of {', '.join(Reading)}")
        by_games = read in {Reading.DETAIL, Reading.SUBLIST}
        if by_games != ("{id}" in path):
            expected = "{id} where each game is asked for, and only there"
            raise RegistryError(f"{entity}.options.path", path, expected)
        games = _number(entity, "games_per_load", "where each game is asked for", is_due=by_games)
        first = _number(entity, "first_games", "where changes are read", is_due=read == Reading.CHANGES)
        return cls(path, Reading(read), games, first)

    @property
    def priority(self) -> Priority:
        """Of its requests."""
        return _PRIORITIES[self.read]


def _number(entity: Entity, name: str, where: str, *, is_due: bool) -> int:
    found = entity.options.get(name, 0)
    if type(found) is not int or (found > 0) != is_due:
        raise RegistryError(f"{entity}.options.{name}", found, f"a number above 0 {where}, and only there")
    return found

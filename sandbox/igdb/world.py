"""The rows that a sandbox serves, its Korean day and its clock.

    world = World.generate(seed=1, games=5_000, first_day=date(2026, 11, 20), today=date(2026, 11, 21))
    world.advance(date(2026, 11, 22))

The same seed, size, first day and today make the same rows, on any machine, whether made at once or by `advance`.
A world is not thread-safe: the `Sandbox` that serves it has a lock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from gamelake.days import bounds_of, day_of
from gamelake.registry import load_sources
from gamelake.sources.igdb.options import IgdbOptions
from sandbox.igdb.chance import checksum
from sandbox.igdb.churn import Churn, GeneratedChurn, RecordedChurn
from sandbox.igdb.errors import WorldError
from sandbox.igdb.games import GameSource
from sandbox.igdb.popularity import PopularitySource, move_popularity
from sandbox.igdb.related import OwnedSource, related_sources
from sandbox.igdb.static import StaticSource, checked_row, lookup_rows, nudge_game, recorded_rows
from sandbox.igdb.table import Row, Source, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

MOST_GAMES = 1_000_000

_CHURN_ENDS = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


class World:
    """Tables by endpoint, advanced to a day; made by `generate` or `recorded`. `name` is the origin that loads see."""

    def __init__(self, sources: Mapping[str, Source], churn: Churn, *, first_day: date, today: date) -> None:
        self.name = "sandbox"
        self.tables = {endpoint: Table(source) for endpoint, source in sources.items()}
        self.on_change: Callable[[str, str, Sequence[int]], None] | None = None
        """Called after each change of a table, with the endpoint, `create`, `update` or `delete`, and the ids."""
        for endpoint, table in self.tables.items():
            table.on_change = partial(self._has_changed, endpoint)
        self.first_day = self.today = first_day
        self._churn = churn
        self._shift = timedelta()
        self.advance(today)

    @classmethod
    def generate(
        cls, *, seed: int = 1, games: int = 5_000, first_day: date, today: date, popularity_per_game: float = 1.1
    ) -> World:
        """Return a made-up world of so many games as of its first day, turned to today.

        Raises: WorldError for a size or a day that cannot be.
        """
        if not 1 <= games <= MOST_GAMES:
            raise WorldError(f"games: found {games}, expected 1 to {MOST_GAMES:,}")
        if not 0 < popularity_per_game <= 10:
            raise WorldError(f"popularity_per_game: found {popularity_per_game}, expected more than 0, at most 10")
        fields = _declared_fields()
        rows = lookup_rows(seed, first_day)
        game_source = GameSource(
            seed=seed,
            count=games,
            first_day=first_day,
            platforms=[row["id"] for row in rows["platforms"]],
            fields=fields["games"],
        )
        popularity_source = PopularitySource(
            seed=seed,
            games=game_source,
            rows_per_game=popularity_per_game,
            first_day=first_day,
            fields=fields["popularity_primitives"],
        )
        sources: dict[str, Source] = {
            endpoint: StaticSource(found, fields.get(endpoint, frozenset())) for endpoint, found in rows.items()
        }
        related = related_sources(seed, game_source, fields)
        sources |= {"games": game_source, "popularity_primitives": popularity_source, **related}
        for endpoint in set(fields) - set(sources):
            sources[endpoint] = StaticSource((), fields[endpoint])
        churn = GeneratedChurn(
            seed=seed,
            first_day=first_day,
            games=game_source,
            popularity=popularity_source,
            owned={endpoint: source for endpoint, source in related.items() if isinstance(source, OwnedSource)},
        )
        return cls(sources, churn, first_day=first_day, today=today)

    @classmethod
    def recorded(cls, folder: Path, *, first_day: date, today: date, seed: int = 1) -> World:
        """Return the rows of a folder of JSONL files named by endpoint; the registry's other endpoints are empty.

        Raises: WorldError naming the folder, or the file and line that is no row.
        """
        fields = _declared_fields()
        rows = recorded_rows(folder)
        revise: dict[str, Callable[[Row, date], None]] = {
            "games": nudge_game,
            "popularity_primitives": partial(move_popularity, since=first_day),
        }
        sources = {
            endpoint: StaticSource(rows.get(endpoint, ()), fields.get(endpoint, frozenset()), revise.get(endpoint))
            for endpoint in {*fields, *rows}
        }
        world = cls(sources, RecordedChurn(seed), first_day=first_day, today=today)
        world.name = "recorded"
        return world

    def clock(self) -> datetime:
        """Now, in UTC, shifted by whole days into today; it waits at the end of today until the world is advanced."""
        start, end = bounds_of(self.today)
        return max(start + _CHURN_ENDS, min(datetime.now(UTC) + self._shift, end - _SECOND))

    def advance(self, to: date) -> None:
        """Turn the world day by day to a later one.

        Raises: WorldError for a day before today: what was overwritten cannot be had back.
        """
        if to < self.today:
            raise WorldError(f"today: found {to}, expected {self.today} or a later day: a world does not turn back")
        while self.today < to:
            self.today += timedelta(days=1)
            self._churn.turn(self.tables, self.today)
        self._shift = timedelta(days=(to - day_of(datetime.now(UTC))).days)

    def rows(self, endpoint: str) -> Iterator[Row]:
        """Return every live row of an endpoint, by id.

        Raises: WorldError for an unknown endpoint.
        """
        table = self.table(endpoint)
        return (table.row(row_id) for row_id in tuple(table.ids) if row_id in table)

    def upsert(self, endpoint: str, rows: Iterable[Row]) -> int:
        """Write rows: given fields replace those of the row, a null removes a field, a new id is a new row.

        `updated_at` becomes the clock, and `checksum` a new one, unless given. A new endpoint is made.

        Returns:
            The number of rows.

        Raises:
            WorldError: An element is not a row; nothing was written.
        """
        table = self.tables.get(endpoint)
        if table is None:  # not `or`: a table without rows keeps its fields
            table = Table(StaticSource((), frozenset({"id"})))
            table.on_change = partial(self._has_changed, endpoint)
        merged = [self._merged(table, row, f"{endpoint}, row {number}") for number, row in enumerate(rows)]
        self.tables[endpoint] = table
        table.put(merged, self.today)
        return len(merged)

    def delete(self, endpoint: str, ids: Iterable[int]) -> int:
        """Delete rows, and return how many existed. Raises: WorldError for an unknown endpoint."""
        return self.table(endpoint).delete(ids)

    def table(self, endpoint: str) -> Table:
        """Return the table of an endpoint.

        Raises: WorldError, naming those that are there.
        """
        if endpoint not in self.tables:
            raise WorldError(f"endpoint: found {endpoint!r}, expected one of {', '.join(sorted(self.tables))}")
        return self.tables[endpoint]

    def _has_changed(self, endpoint: str, operation: str, ids: Sequence[int]) -> None:
        if self.on_change:
            self.on_change(endpoint, operation, ids)

    def _merged(self, table: Table, given: Row, where: str) -> Row:
        checked_row(given, where)
        before = table.row(given["id"]) if given["id"] in table else {}
        defaults: Row = {}
        if "updated_at" in table.fields:
            defaults["updated_at"] = int(self.clock().timestamp())
        if "checksum" in table.fields and (not before or "checksum" in before):
            defaults["checksum"] = checksum(blake2b(orjson.dumps([given, defaults])).digest())
        return checked_row(before | defaults | given, where)


def _declared_fields() -> dict[str, frozenset[str]]:
    """Return the registry's fields by endpoint; two entities may read one endpoint."""
    fields: dict[str, frozenset[str]] = {}
    for entity in load_sources()["igdb"].entities.values():
        endpoint = IgdbOptions.of(entity).endpoint
        fields[endpoint] = fields.get(endpoint, frozenset()) | frozenset(entity.fields)
    return fields

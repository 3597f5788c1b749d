"""Nights of a sandbox without a fault, published as small marts: for checks of the data, which need many of them.

nights = QuietNights(store)
nights.publish()                                  # the next night
nights.publish(change=lambda rows: ...)           # the same with a fault in the rows of the marts
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson

from gamelake.days import KST, format_day
from gamelake.lake.manifest import Proof
from gamelake.marts import build_results
from gamelake.marts.documents import RECORD, Generation, History, PublishedMart, encode
from gamelake.registry import load_sources
from gamelake.sources.igdb.options import IgdbOptions
from sandbox.igdb.world import World
from tests.support.commits import make_part
from tests.support.night_lake import NightLake

if TYPE_CHECKING:
    from collections.abc import Callable

    from gamelake.lake.store import Store

Row = dict[str, Any]
TABLES = ("games", "popscore", "companies", "genres", "platforms", "game_statuses")
ENTITIES = tuple(load_sources()["igdb"].entities[name] for name in TABLES)
PARTIAL = load_sources()["rawg"].entities["games"]
"""The table of a source with a quota, which no build waits for."""
FIRST = date(2026, 10, 1)
MODEL_SECONDS = {"dim_games": 6.0, "mart_top_rated": 0.4, **{f"stg_igdb__{number}": 2.0 for number in range(12)}}

RATING = "coalesce(rating, 40 + id % 40)"
"""Only a tenth of the games of a sandbox have a rating."""
MARTS = {
    "dim_games": f"""
        select id as game_id, name as game_name, {RATING} as rating, aggregated_rating, total_rating, hypes,
            genre_names, platform_names, game_status_name,
            to_timestamp(first_release_date)::timestamp as first_release_date
        from games order by id
    """,
    "bridge_game_genre": "select id as game_id, unnest(genres) as genre_id from games order by all",
    "fct_game_popularity": """
        select game_id, max(value) filter (popularity_type = 1) as visit_count,
            max(value) filter (popularity_type = 3) as playing_users
        from popularity group by game_id order by game_id
    """,
    "fct_popularity_types": """
        select popularity_type, 'Type ' || popularity_type as popularity_type_name, count(*) as games
        from popularity group by popularity_type order by popularity_type
    """,
    "mart_top_rated": f"""
        select id as game_id, name as game_name, {RATING} as weighted_rating,
            row_number() over (order by {RATING} desc, id) as rank
        from games order by rank limit 40
    """,
    "fct_loads": "select version, 'igdb' as source, 'sandbox' as origin from range(1, $nights * 6 + 1) t(version)",
}
_GAMES = {
    "id": "bigint", "name": "varchar", "rating": "double", "aggregated_rating": "double", "total_rating": "double",
    "hypes": "bigint", "genres": "bigint[]", "genre_names": "varchar[]", "platform_names": "varchar[]",
    "first_release_date": "bigint", "game_status_name": "varchar",
}  # fmt: skip
_POPULARITY = {"game_id": "bigint", "popularity_type": "bigint", "value": "double"}


@dataclass
class Rows:
    """What the marts of a night are made of: games, popularity, and the commits of the tables."""

    games: list[Row]
    popularity: list[Row]
    tables: dict[str, dict[str, int]]
    marts: dict[str, str] = field(default_factory=lambda: dict(MARTS))


class QuietNights:
    """A lake that gets one night after another."""

    def __init__(self, store: Store, *, games: int = 250, world: World | None = None, nights: int = 0) -> None:
        self.store = store
        self.games = games
        self.world = world or World.generate(games=games, first_day=FIRST, today=FIRST)
        self.nights = nights
        self._names: dict[str, dict[int, str]] = {}
        self.loads = NightLake(store)

    def copied(self, store: Store) -> QuietNights:
        """Go on with a copy of the lake in another store."""
        world = World.generate(games=self.games, first_day=FIRST, today=self.day)
        copy = QuietNights(store, games=self.games, world=world, nights=self.nights)
        copy._names = self._names
        copy.loads.versions.update(self.loads.versions)
        copy.loads.publications = self.loads.publications
        return copy

    @property
    def day(self) -> date:
        """The day of the newest night."""
        return FIRST + timedelta(days=self.nights)

    @property
    def published_at(self) -> datetime:
        """When the marts of the newest night were published."""
        return datetime.combine(self.day, datetime.min.time(), KST) + timedelta(hours=4, minutes=17)

    def publish(self, change: Callable[[Rows], None] | None = None) -> Generation:
        """Load and publish the next night, with a fault in its rows or without one."""
        self.nights += 1
        self.world.advance(self.day)
        rows = self._rows()
        if change:
            change(rows)
        versions = {f"igdb.{name}": self._commit(name, **figures) for name, figures in rows.tables.items()}
        self._load_a_part()
        return self._publish(rows, versions)

    def _rows(self) -> Rows:
        games = list(self.world.rows("games"))
        for game in games:
            game["genre_names"] = [self._name("genres", each) for each in game.get("genres", ())]
            game["platform_names"] = [self._name("platforms", each) for each in game.get("platforms", ())]
            game["game_status_name"] = self._name("game_statuses", game.get("game_status"))
        tables = {}
        for entity in ENTITIES:
            found = games if entity.name == "games" else list(self.world.rows(IgdbOptions.of(entity).endpoint))
            tables[entity.name] = {"rows": len(found), "newest": max(row["updated_at"] for row in found)}
        return Rows(games, list(self.world.rows("popularity_primitives")), tables)

    def _name(self, endpoint: str, number: int | None) -> str:
        """Name a genre and the like as on the first day: the sandbox renames some, which is a finding."""
        if endpoint not in self._names:
            key = "status" if endpoint == "game_statuses" else "name"
            self._names[endpoint] = {row["id"]: row[key] for row in self.world.rows(endpoint)}
        return self._names[endpoint].get(number or 0, "")

    def _keep_costs(self, generation: str) -> None:
        """Let each model take its usual seconds, a third more or less, and all of them half more on a busy night."""
        pace = 1.5 if self.nights % 7 == 3 else 1.0
        results = [
            {
                "unique_id": f"model.gamelake.{name}",
                "status": "success",
                "execution_time": pace * usual * (0.7 + 0.6 * ((self.nights * 7 + number * 5) % 11) / 10),
            }
            for number, (name, usual) in enumerate(MODEL_SECONDS.items())
        ]
        build_results.keep(self.store, generation, 1, results, {}, at=self.published_at)

    def _load_a_part(self) -> None:
        """Load what the quota of the day leaves of a large table: the rest comes in later nights."""
        at = self.published_at - timedelta(minutes=5)
        changes = {"proof": Proof.PARTIAL, "proof_reason": "the quota of the day is used up", "source_count": None}
        self.loads.load(PARTIAL, format_day(self.day), at=at, rows=800 * self.nights, rows_read=800, **changes)

    def _commit(self, name: str, *, rows: int, newest: int) -> int:
        entity, day = next(each for each in ENTITIES if each.name == name), format_day(self.day)
        part = make_part(
            ids=(1, rows or 1), claims=((0, None),), partition=day, entity=name, rows=rows or 1, max_updated_at=newest
        )
        at = self.published_at - timedelta(minutes=10)
        return self.loads.load(entity, day, at=at, rows=rows, files=(part,) if rows else ()).version

    def _publish(self, rows: Rows, versions: dict[str, int]) -> Generation:
        day = format_day(self.day)
        folder = f"marts/dt={day}/run"
        marts = []
        with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as database:
            for name, columns, given in (("games", _GAMES, rows.games), ("popularity", _POPULARITY, rows.popularity)):
                lines = Path(scratch) / f"{name}.json"
                lines.write_bytes(b"\n".join(orjson.dumps({key: row.get(key) for key in columns}) for row in given))
                read = f"read_json('{lines}', format = 'newline_delimited', columns = {columns})"
                database.execute(f"create table {name} as from {read}")
            for name, query in rows.marts.items():
                file, key = Path(scratch) / f"{name}.parquet", f"{folder}/{name}.parquet"
                select = query.replace("$nights", str(self.nights))
                database.execute(f"copy ({select}) to '{file}' (format parquet, compression zstd)")
                data = file.read_bytes()
                self.store.put(key, data)
                digest = hashlib.sha256(data).hexdigest()
                marts.append(PublishedMart(name=name, key=key, rows=0, bytes=len(data), sha256=digest, copy=key))
        made = Generation(
            generation=folder,
            previous=None,
            day=self.day,
            run_id="run",
            built_at=self.published_at,
            sources=versions,
            marts=tuple(marts),
            history=f"{folder}/_history.json",
            days_left_out={},
        )
        self.store.put(made.history, encode(History(days=(), left_out=())))
        self._keep_costs(folder)
        self.store.put(f"{folder}/{RECORD}", encode(made))
        self.loads.publish(made, at=self.published_at)
        return made

"""A small lake on disk, written without the product's own lake code."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gamelake.kinds import Kind
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import encode
from gamelake.registry import load_entities
from tests.support.generations import document_of

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = "2026-11-21"

Row = dict[str, Any]
Range = tuple[int, int | None]
EVERY_ID: tuple[Range, ...] = ((0, None),)
ENTITIES = {entity.name if entity.source == "igdb" else str(entity): entity for entity in load_entities()}
"""By the names that a lake has for them: games are IGDB's, rawg.games RAWG's."""

_COMMIT = {
    **dict.fromkeys(("rows_read", "rows_resumed", "rows_rejected", "rows_deleted", "rows_late", "ranges_repaired"), 0),
    **dict.fromkeys(("ranges_unproven", "undeclared_values", "requests", "retries", "bytes", "seconds"), 0),
    **dict.fromkeys(("is_cursor_set_back", "is_shrink_allowed"), False),
    **{"run_id": "test", "mode": "full", "proof": "counted", "rejected_key": None, "origin": None},
    **{"is_read": True, "undeclared_fields": []},
}


def rows_in(file: dict[str, Any]) -> list[Row]:
    """The rows of a part."""
    with gzip.open(file["url"], "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass
class Lake:
    """Parts under one folder, in the order in which they are added, and the generations that read them."""

    root: Path
    day: str = DAY
    files: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    rejected: Counter[str] = field(default_factory=Counter)
    built: dict[str, dict[str, int]] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)
    changes: list[list[Row]] = field(default_factory=list)
    committed_at: datetime = datetime(2026, 11, 20, 19, 5, tzinfo=UTC)

    def add(
        self, entity: str, rows: Iterable[Row], *, claims: Iterable[Range] = (), partition: str | None = None
    ) -> Path:
        """Write one part, newer than the entity's parts before it. Returns its path.

        entity: a key of ENTITIES. A table of RAWG without parts was never loaded.
        """
        lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
        files = self.files[entity]
        path = (
            self.root
            / "raw"
            / ENTITIES[entity].source
            / ENTITIES[entity].name
            / f"dt={partition or self.day}"
            / "run"
            / f"part-{len(files):05}.jsonl.gz"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))
        files.append(
            {
                "ordinal": len(files),
                "url": str(path),
                "partition": partition or self.day,
                "rows": len(lines),
                "claims": [{"low": low, "high": high} for low, high in claims],
            }
        )
        return path

    def change(self, *changes: Row) -> None:
        """Add a step of the change feed of games: the lines of its file, without what all of them have."""
        self.changes.append(list(changes))

    def feed(self) -> dict[str, list[dict[str, Any]]]:
        """The steps of the change feed, and their files."""
        steps, files = [], []
        for version, changes in enumerate(self.changes, start=2):
            path = self.root / "feeds/igdb/games" / f"dt={self.day}" / f"{version:020}-00000-0.jsonl.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [{"changed": [], **change, "version": version} for change in changes]
            path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode(), mtime=0))
            ops = Counter(change["op"] for change in changes)
            table = {"source": "igdb", "entity": "games", "to_version": version}
            counts = {"created": ops["c"], "updated": ops["u"], "deleted": ops["d"]}
            made = {"committed_at": self.committed_at.isoformat(), "is_known": True, "reason": None}
            steps.append({**table, **counts, **made, "from_version": version - 1, "partition": self.day})
            if lines:
                files.append({**table, "url": str(path), "rows": len(lines)})
        return {"feed_steps": steps, "feed_files": files}

    def row_counts(self, entity: str) -> dict[str, Counter[str]]:
        """The rows of each partition by their status, by the rules word by word: row by row against every newer part.

        Of a time series, of its newest partition.
        """
        files = self.files[entity]
        if ENTITIES[entity].kind is Kind.TIME_SERIES:
            newest = max((file["partition"] for file in files), default="")
            files = [file for file in files if file["partition"] == newest]
        ids = [[row["id"] for row in rows_in(file)] for file in files]
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for place, file in enumerate(files):
            later = files[place + 1 :]
            claims = [(claim["low"], claim["high"]) for each in later for claim in each["claims"]]
            newer = {i for each in ids[place + 1 :] for i in each}
            for i in ids[place]:
                is_voided = any(low <= i and (high is None or i < high) for low, high in claims)
                counts[file["partition"]]["voided" if is_voided else "superseded" if i in newer else "current"] += 1
        return counts

    def inputs(self) -> dict[str, Any]:
        """The document that transform writes for dbt."""
        sources, files, claims, commits, absent = [], [], [], [], []
        for entity, known in ENTITIES.items():
            table = {"source": known.source, "entity": known.name}
            if known.source != "igdb" and not self.files[entity]:
                absent.append(table)
                continue
            row_count = sum(counts["current"] for counts in self.row_counts(entity).values())
            commit = {
                **table,
                "version": 1,
                "partition": self.day,
                "cursor": "1763668800",
                "committed_at": self.committed_at.isoformat(),
                "source_count": row_count + self.rejected[entity],
                "row_count": row_count,
            }
            loaded = [file["partition"] for file in self.files[entity] if file["partition"] <= self.day]
            newest_day = max([*loaded, self.day])
            sources.append({**commit, "newest_day": newest_day})
            commits.append({**_COMMIT, **commit})
            for file in self.files[entity]:
                own = {"ordinal": file["ordinal"], "partition": file["partition"]}
                files.append({**file, **table, "is_newest": file["partition"] == newest_day})
                claims += [{**table, **own, **claim} for claim in file["claims"]]
        document = {
            "run": [{"day": self.day, "run_id": "test", "build": "test", "previous": None}],
            "sources": sources,
            "absent": absent,
            "files": files,
            "claims": claims,
            "previous": [{"name": name, "url": url} for name, url in self.previous.items()],
            "days": self.days(),
            "days_left_out": [],
            "commits": commits,
            **self.feed(),
        }
        checked: dict[str, Any] = msgspec.to_builtins(msgspec.convert(document, Inputs, strict=False))
        return checked

    def upload(self, client: Any, name: str, prefix: str) -> dict[str, Any]:
        """Put the parts into a bucket, below a prefix. Returns: `inputs()` with their places there."""
        inputs = self.inputs()
        for part in [*inputs["files"], *inputs["feed_files"]]:
            key = f"{prefix}/{Path(part['url']).relative_to(self.root)}"
            client.upload_file(part["url"], name, key)
            part["url"] = f"s3://{name}/{key}"
        return inputs

    def days(self) -> list[dict[str, Any]]:
        """The days of the popularity history; `self.built` has the counts of those that are built already."""
        days = sorted({file["partition"] for file in self.files["popscore"]})
        folder = self.root / "marts" / "history" / "fct_game_popularity_daily"
        found = []
        for day in days:
            (folder / f"day={day}").mkdir(parents=True, exist_ok=True)
            url = str(folder / f"day={day}" / "identity.parquet")
            own = {"source": "igdb", "entity": "popscore", "day": day, "key": url, "url": None}
            if day in self.built:
                own |= {"url": url, **self.built[day]}
            found.append({**own, "is_built": day in self.built})
        return found

    def show(self, generation: Path) -> str:
        """Let the pointer show a generation. Returns: its key."""
        key = str(generation.relative_to(self.root))
        (self.root / "marts" / "_current.json").write_bytes(encode(document_of(key, day=self.day)))
        return key

    def generation(self, name: str = "run") -> Path:
        """A new generation with its _inputs.json."""
        folder = self.root / "marts" / f"dt={self.day}" / name
        folder.mkdir(parents=True)
        (folder / "_inputs.json").write_text(json.dumps(self.inputs(), indent=2))
        return folder


def small_lake(root: Path) -> Lake:
    """Write the lake of the fixture `small_lake`."""
    lake = Lake(root)
    _add_dimensions(lake)
    _add_games(lake)
    _add_popularity(lake)
    _add_changes(lake)
    lake.rejected["games"] = 3
    return lake


def _add_dimensions(lake: Lake) -> None:
    old = [{"id": 6, "name": "PC"}, {"id": 7, "name": "PlayStation"}, {"id": 8, "name": "Linux"}]
    lake.add("platforms", old, claims=EVERY_ID, partition="2026-11-20")
    lake.add("platforms", [{"id": 6, "name": "PC (Microsoft Windows)"}, {"id": 8, "name": "Linux"}], claims=EVERY_ID)
    lake.add("genres", [{"id": 4, "name": "Shooter"}, {"id": 5, "name": "Adventure"}], claims=EVERY_ID)
    lake.add("game_modes", [{"id": 1, "name": "Single player"}], claims=EVERY_ID)
    lake.add("player_perspectives", [{"id": 1, "name": "First person"}], claims=EVERY_ID)
    lake.add("game_types", [{"id": 0, "type": "Main Game"}, {"id": 1, "type": "DLC"}], claims=EVERY_ID)
    types = [{"id": 3, "name": "Playing", "external_popularity_source": 121}]
    lake.add("popularity_types", [*types, {"id": 34, "name": "24hr Hours Watched", "external_popularity_source": 14}])


def _game(game_id: int, **fields: Any) -> Row:
    return {
        "id": game_id,
        "name": f"Game {game_id} ☃",
        "updated_at": 1763000000,
        "platforms": [8, 6, 8],
        "genres": [5, 4] if game_id % 2 else [4],
        "game_modes": [1],
        "first_release_date": 1700000000 + game_id,
        "game_type": 0,
        "field_of_tomorrow": {"nested": [1]},
        **fields,
    }


def _add_games(lake: Lake) -> None:
    games = {game_id: _game(game_id) for game_id in range(1, 61)}
    games[1]["platforms"] = [7]  # deleted on the second day
    games[2]["first_release_date"] = -86400
    games[3]["game_type"] = 1
    games[4]["hypes"] = 7
    games[4]["first_release_date"] = 4102444800
    for absent in ("platforms", "genres", "game_modes", "first_release_date", "game_type"):
        del games[5][absent]
    del games[6]["name"]
    first, second = list(games.values())[:30], list(games.values())[30:]
    lake.add("games", first, claims=[(0, 31)], partition="2026-11-20")
    lake.add("games", second, claims=[(31, None)], partition="2026-11-20")
    changed = [_game(11, name="Changed, then deleted"), _game(40, name="Changed"), _game(61, name="New")]
    lake.add("games", changed)
    lake.add("games", [games[10], _game(13, name="Read again")], claims=[(10, 15)])
    lake.add("games", [_game(14, name="Came back")])
    dates = [{"id": n, "game": n, "date": 1700000000 + n, "date_format": 0} for n in range(1, 62) if n not in {11, 12}]
    lake.add("release_dates", dates, claims=EVERY_ID)


def _add_changes(lake: Lake) -> None:
    source = {"ts_ms": 1763665200123, "db": "igdb", "table": "games"}
    before = _game(40, genres=[4, 5, 9], hypes=1, rating=80, cover=3)
    after = _game(40, name="Changed", rating=83.47826086956522, parent_game=2, field_of_tomorrow=[1])
    changed = ["cover", "field_of_tomorrow", "genres", "hypes", "name", "parent_game", "rating", "updated_at"]
    lake.change(
        {"op": "u", "id": 40, "before": before, "after": after, "changed": changed, "source": source},
        {"op": "c", "id": 61, "before": None, "after": _game(61, name="New"), "source": source},
        {"op": "d", "id": 99, "before": {"id": 99}, "after": None, "source": source},
    )
    lake.change()


def _add_popularity(lake: Lake) -> None:
    def values(first_id: int, count: int, scale: float) -> list[Row]:
        return [
            {
                "id": first_id + n,
                "game_id": n,
                "popularity_type": 3,
                "value": scale * (n // 2),
                "calculated_at": 1763000000,
            }
            for n in range(1, count + 1)
        ]

    lake.add("popscore", values(0, 50, 0.5), claims=EVERY_ID, partition="2026-11-20")
    watched = [{"id": 900, "game_id": 7, "popularity_type": 34, "value": 0.25, "external_popularity_source": 6}]
    lake.add("popscore", [*values(0, 40, 0.25), *watched], claims=EVERY_ID)

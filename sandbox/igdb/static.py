"""Rows that are kept rather than made: lookup tables and recorded replies."""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.igdb import catalog
from sandbox.igdb.chance import checksum, churn_second, digest_of, key_of, midnight
from sandbox.igdb.errors import WorldError
from sandbox.igdb.table import NO_UPDATED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from sandbox.igdb.table import Row

_SUFFIXES = ("Series", "Family", "System", "Classic")
_CREATED = 1_297_639_288  # when IGDB's first platforms and genres were entered
_HIGHEST_PLATFORM = 510


class StaticSource:
    """Rows kept as compact JSON; `revise` is the change that a day brings to one of them."""

    def __init__(
        self, rows: Iterable[Row], fields: frozenset[str], revise: Callable[[Row, date], None] | None = None
    ) -> None:
        found = {row["id"]: row for row in rows}
        self.ids = array("q", sorted(found))
        self.fields = fields.union(*found.values())
        self._lines = {row_id: orjson.dumps(row) for row_id, row in found.items()}
        self._revise = revise or rename

    def row(self, row_id: int) -> Row:
        """Return the row as it was given."""
        row: Row = orjson.loads(self._lines[row_id])
        return row

    def updated_at(self, row_id: int) -> int:
        """Return the row's `updated_at` as it was given, or NO_UPDATED_AT."""
        return int(self.row(row_id).get("updated_at", NO_UPDATED_AT))

    def revise(self, row: Row, day: date) -> None:
        """Apply the change of that day."""
        self._revise(row, day)

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the `updated_at` that this change leaves."""
        row = self.row(row_id)
        self._revise(row, day)
        return int(row.get("updated_at", NO_UPDATED_AT))


def rename(row: Row, day: date) -> None:
    """Give a platform or a genre a new name."""
    row["name"] = f"{row.get('name', '')} {_SUFFIXES[day.toordinal() % len(_SUFFIXES)]}".strip()
    stamp(row, day)


def nudge_game(row: Row, day: date) -> None:
    """Change a recorded game a little: its hypes, and the order of its platforms and keywords."""
    row["hypes"] = row.get("hypes", 0) + 1 + (row["id"] + day.toordinal()) % 5
    for field in ("platforms", "keywords"):
        if len(row.get(field, ())) > 1:
            row[field] = row[field][1:] + row[field][:1]
    stamp(row, day)


def stamp(row: Row, day: date) -> None:
    """Mark a row as changed on a day; a recorded row without `checksum` stays without."""
    row["updated_at"] = churn_second(row["id"], day)
    if "checksum" in row:
        row["checksum"] = checksum(digest_of(b"stamp", row["id"], day.toordinal()))


def lookup_rows(seed: int, first_day: date) -> dict[str, list[Row]]:
    """Return the small tables of a generated world, by endpoint."""
    start = midnight(first_day)
    named = {
        "genres": catalog.GENRES,
        "themes": catalog.THEMES,
        "game_modes": catalog.GAME_MODES,
        "player_perspectives": catalog.PLAYER_PERSPECTIVES,
    }
    tables = {
        endpoint: [_named(seed, start, endpoint, row_id, name) for row_id, name in names.items()]
        for endpoint, names in named.items()
    }
    tables["platforms"] = _platforms(seed, start)
    tables["popularity_types"] = [
        _stamped(seed, start, "popularity_types", row_id)
        | {"name": name, "popularity_source": source, "external_popularity_source": source}
        for row_id, (name, source) in catalog.POPULARITY_TYPES.items()
    ]
    tables["regions"] = [
        _stamped(seed, start, "regions", row_id) | {"name": name, "identifier": identifier, "category": category}
        for row_id, (name, identifier, category) in catalog.REGIONS.items()
    ]
    valued: dict[str, tuple[str, Mapping[int, str]]] = {
        "game_types": ("type", catalog.GAME_TYPES),
        "game_statuses": ("status", catalog.GAME_STATUSES),
        "date_formats": ("format", catalog.DATE_FORMATS),
        "platform_types": ("name", catalog.PLATFORM_TYPES),
    }
    for endpoint, (field, values) in valued.items():
        tables[endpoint] = [_stamped(seed, start, endpoint, row_id) | {field: text} for row_id, text in values.items()]
    return tables


def recorded_rows(folder: Path) -> dict[str, list[Row]]:
    """Return the rows of a folder of JSONL files, one for each endpoint.

    Raises: WorldError naming the folder, or the file and line that is no row.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise WorldError(
            f"data folder: found no {'*.jsonl in ' if folder.is_dir() else ''}{folder}, "
            "expected one file an endpoint, such as games.jsonl"
        )
    return {file.stem: list(_rows_of(file)) for file in files}


def _rows_of(file: Path) -> Iterable[Row]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise WorldError(f"{file}:{number}: {error}, expected one JSON object a line") from error
            yield checked_row(row, f"{file}:{number}")


def checked_row(row: Any, where: str) -> Row:
    """Return the row without its null and empty values, as IGDB sends it.

    Raises: WorldError when it is not an object with a whole `id` from 0.
    """
    if not isinstance(row, dict) or type(row.get("id")) is not int or not 0 <= row["id"] < 2**62:
        raise WorldError(f"{where}: found {str(row)[:80]!r}, expected an object with a whole `id` from 0")
    return {field: value for field, value in row.items() if value not in (None, [], "")}


def _platforms(seed: int, start: int) -> list[Row]:
    rng = random.Random(f"{seed}:platforms")  # noqa: S311 - a made-up world, not a secret
    known = dict(catalog.PLATFORMS)
    machines = [(f"{maker} {machine}", None, 1 + len(machine) % 6, None)
                for maker in catalog.MAKERS for machine in catalog.MACHINES]  # fmt: skip
    free = [row_id for row_id in range(3, _HIGHEST_PLATFORM) if row_id not in known]
    missing = catalog.PLATFORM_COUNT - len(known)
    known |= dict(zip(rng.sample(free, missing), rng.sample(machines, missing), strict=True))
    rows = []
    for row_id, (name, abbreviation, platform_type, generation) in sorted(known.items()):
        row = _named(seed, start, "platforms", row_id, name)
        row |= {"platform_logo": row_id + 200, "versions": [row_id * 2 + 1, row_id * 2]}
        optional: dict[str, object] = {
            "abbreviation": abbreviation,
            "platform_type": platform_type,
            "generation": generation,
        }
        optional["websites"] = [row_id + 100] if row_id % 2 else None
        optional["platform_family"] = 1 + row_id % 5 if row_id % 4 == 0 else None
        optional["alternative_name"] = f"{name} (original)" if row_id % 3 == 0 else None
        optional["summary"] = f"{name} is a platform that games were made for." if row_id % 29 == 0 else None
        rows.append(row | {field: value for field, value in optional.items() if value is not None})
    return rows


def _named(seed: int, start: int, endpoint: str, row_id: int, name: str) -> Row:
    slug = "-".join("".join(letter if letter.isalnum() else " " for letter in name.lower()).split())
    address = {"name": name, "slug": slug, "url": f"https://www.igdb.com/{endpoint}/{slug}"}
    return _stamped(seed, start, endpoint, row_id) | address


def _stamped(seed: int, start: int, endpoint: str, row_id: int) -> Row:
    created = _CREATED + row_id * 86_400
    return {
        "id": row_id,
        "created_at": created,
        "updated_at": min(created + row_id * 604_800, start - 1),
        "checksum": checksum(digest_of(key_of(seed, endpoint), row_id)),
    }

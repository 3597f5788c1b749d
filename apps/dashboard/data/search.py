"""Search of games by any part of a name, typing errors forgiven.

The names of a generation are read once, folded (no case, no accents), into a table of its DuckDB, with the words that
they have. A text that no name has is corrected word by word to the nearest words that there are.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import duckdb

    from apps.dashboard.data.snapshot import Row, Snapshot

LIMIT = 24
LONGEST = 80
"""Characters of a search that count."""
WORDS = 6
"""Words of a search that are corrected."""
SHORTEST = 3
"""Letters of a word that is corrected: of shorter ones too many come near."""
ENOUGH = 3
"""Fewer hits than these, and the text may have been mistyped."""

_NAMES = """
    create table names as
    select
        games.game_id,
        lower(strip_accents(concat_ws(' ', games.display_name, games.name_ko))) as folded,
        coalesce(popularity.playing_users, 0) + coalesce(popularity.played_users, 0) as users,
        games.is_main_game
    from {games} as games
    left join {popularity} as popularity on games.game_id = popularity.game_id
"""
_WORDS = """
    create table words as
    select word, count(*) as games
    from (select unnest(regexp_extract_all(folded, '[^\\s\\p{{P}}\\p{{S}}]+')) as word from names)
    group by word
"""
_HITS = """
    select game_id
    from names
    where {condition}
    order by
        folded = $text desc, starts_with(folded, $text) desc, contains(folded, ' ' || $text) desc,
        is_main_game desc, users desc, length(folded), game_id
    limit {limit}
"""
_NEAR = """
    select word
    from words
    where abs(length(word) - length($word)) <= $errors and damerau_levenshtein(word, $word) <= $errors
    order by damerau_levenshtein(word, $word), games desc, word
    limit 5
"""

_ready: WeakKeyDictionary[Snapshot, None] = WeakKeyDictionary()
_lock = threading.Lock()


def find(snapshot: Snapshot, text: str) -> list[int]:
    """Return the ids of the games whose names have a text, the best first; of a mistyped text, those that come near.

    Raises: StoreError.
    """
    prepare(snapshot)
    with snapshot.cursor() as cursor:
        folded = _value(cursor, "select lower(strip_accents(trim(?)))", text[:LONGEST])
        if not folded:
            return []
        query = _HITS.format(condition="contains(folded, $text)", limit=LIMIT)
        hits = [game for (game,) in cursor.execute(query, {"text": folded}).fetchall()]
        if len(hits) < ENOUGH:
            hits += [game for game in _corrected(cursor, folded) if game not in hits]
        return hits[:LIMIT]


def prepare(snapshot: Snapshot) -> None:
    """Read the names of a generation, unless that is done. Raises: StoreError."""
    with _lock:
        if snapshot in _ready:
            return
        with snapshot.cursor() as cursor:
            games, popularity = snapshot.marts.scan("dim_games"), snapshot.marts.scan("fct_game_popularity")
            cursor.execute(_NAMES.format(games=games, popularity=popularity))
            cursor.execute(_WORDS.format())
        _ready[snapshot] = None


def _corrected(cursor: duckdb.DuckDBPyConnection, folded: str) -> list[int]:
    """Return games that have, for each word of a text, that word or one of the words nearest to it."""
    conditions, parameters = [], {"text": folded}
    words = folded.split()[:WORDS]
    if not any(len(word) >= SHORTEST for word in words):
        return []
    for number, word in enumerate(words):
        errors = 0 if len(word) < SHORTEST else 1 if len(word) < 6 else 2
        near = [found for (found,) in cursor.execute(_NEAR, {"word": word, "errors": errors}).fetchall()]
        either = []
        for each, candidate in enumerate([word, *near]):
            parameters[f"w{number}_{each}"] = candidate
            either.append(f"contains(folded, $w{number}_{each})")
        conditions.append(f"({' or '.join(either)})")
    query = _HITS.format(condition=" and ".join(conditions), limit=LIMIT)
    return [game for (game,) in cursor.execute(query, parameters).fetchall()]


def _value(cursor: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> str:
    row = cursor.execute(query, parameters).fetchone()
    return str(row[0]) if row and row[0] else ""


CARD = (
    "game_id, display_name, name_ko, cover_url, release_year, platform_abbreviations, developer_names, publisher_names"
)
"""The columns of dim_games that a row of a list of games shows."""


def cards(snapshot: Snapshot, games: list[int]) -> list[Row]:
    """Return what a list shows of each game, in the order of the ids; unknown ids are left out. Raises: StoreError."""
    if not games:
        return []
    query = f"select {CARD} from {{dim_games}} where game_id in (select unnest(?::bigint[]))"
    found = {row["game_id"]: row for row in snapshot.rows(query, sorted(games))}
    return [found[game] for game in games if game in found]

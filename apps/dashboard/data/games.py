"""One game: its facts, companies, releases, popularity, relatives and the ranks it has held."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from apps.dashboard.data.lists import held_ranks

if TYPE_CHECKING:
    from datetime import date

    from apps.dashboard.data.snapshot import Row, Snapshot

FIGURES = (
    "playing_users",
    "want_to_play_users",
    "played_users",
    "visit_count",
    "steam_peak_players",
    "steam_review_count",
    "twitch_hours_watched",
)
"""The counts of fct_game_popularity that pages show; each can be drawn over time."""
SPANS = (28, 90, 365)
"""Days that a chart can go back."""
RELATIVES = 12
HISTORY = "fct_game_popularity_daily"


def facts(snapshot: Snapshot, game: int) -> Row | None:
    """Return the row of dim_games with the figures of fct_game_popularity, None if there is no such game.

    Raises: StoreError.
    """
    query = """
        select games.*, popularity.* exclude (game_id, day)
        from {dim_games} as games
        left join (from {fct_game_popularity} where game_id = $1) as popularity on games.game_id = popularity.game_id
        where games.game_id = $1
    """
    found = snapshot.rows(query, game)
    return found[0] if found else None


def market(snapshot: Snapshot, game: int) -> Row | None:
    """Return what both sources say of a game, None if RAWG does not have it or may not be shown.

    Raises: StoreError.
    """
    if not snapshot.count("mart_market_overview"):
        return None
    found = snapshot.rows("select * from {mart_market_overview} where game_id = ?", game)
    return found[0] if found else None


def companies(snapshot: Snapshot, game: int) -> list[Row]:
    """Return the companies of a game, with their roles, developers first. Raises: StoreError."""
    query = """
        select
            companies.company_id,
            companies.company_name,
            list_sort(array_agg(distinct bridge.role)) as roles
        from {bridge_game_company} as bridge
        join {dim_companies} as companies on bridge.company_id = companies.company_id
        where bridge.game_id = ? and companies.company_name is not null
        group by all
        order by roles, company_name
    """
    return snapshot.rows(query, game)


def releases(snapshot: Snapshot, game: int, *, korea_first: bool = False) -> list[Row]:
    """Return the releases of a game: region, date and its precision, year, and the platforms; the earliest first.

    Args:
        snapshot: The generation.
        game: The id of the game.
        korea_first: Whether those in Korea are before all others.

    Raises: StoreError.
    """
    if not snapshot.count("fct_release_dates"):  # a generation of an earlier version does not have it
        return []
    query = """
        select
            release_region as region, release_date as date, date_precision as precision, release_year as year,
            list_sort(array_agg(distinct platform_name) filter (where platform_name is not null)) as platforms
        from {fct_release_dates}
        where game_id = $game
        group by release_region, release_date, date_precision, release_year
        order by
            coalesce($korea_first and release_region = 'korea', false) desc, release_date nulls last,
            release_year nulls last, release_region nulls last, date_precision
    """
    return snapshot.rows(query, {"game": game, "korea_first": korea_first})


def relatives(snapshot: Snapshot, game: Row) -> list[Row]:
    """Return games like a game: of its series first, then those that share most themes and genres, by users.

    Raises: StoreError.
    """
    query = """
        select game_id
        from (
            select
                game_id,
                len(list_intersect(coalesce(theme_ids, []), $themes::bigint[]))
                + len(list_intersect(coalesce(genre_ids, []), $genres::bigint[])) as shared,
                list_has_any(coalesce(collection_ids, []), $series::bigint[])
                or list_has_any(coalesce(franchise_ids, []), $franchises::bigint[]) as is_of_series
            from {dim_games}
            where is_main_game and game_id <> $game
        )
        left join {fct_game_popularity} as popularity using (game_id)
        where is_of_series or shared >= 2
        order by is_of_series desc, shared desc, playing_users desc nulls last, played_users desc nulls last, game_id
        limit $limit
    """
    names = {"themes": "theme_ids", "genres": "genre_ids", "series": "collection_ids", "franchises": "franchise_ids"}
    parameters = {name: game[column] or [] for name, column in names.items()}
    return snapshot.rows(query, {**parameters, "game": game["game_id"], "limit": RELATIVES})


def popularity(snapshot: Snapshot, games: list[int], span: int) -> list[Row]:
    """Return each day's figures of some games over the last `span` days, the days without a value too: as nulls.

    Raises: StoreError.
    """
    since = snapshot.day - timedelta(days=span - 1)
    listed = {day for day in snapshot.history_days if since <= day <= snapshot.day}
    if not listed:
        return []
    figures = ", ".join(FIGURES)
    query = f"""
        select day, game_id, {figures}
        from {{{HISTORY}}}
        where day >= $since and game_id in (select unnest($games::bigint[]))
    """
    known = {(row["day"], row["game_id"]): row for row in snapshot.rows(query, {"since": since, "games": games})}
    blank: Row = dict.fromkeys(FIGURES)
    days = [min(listed) + timedelta(days=n) for n in range((snapshot.day - min(listed)).days + 1)]
    return [known.get((day, game), {"day": day, "game_id": game, **blank}) for game in games for day in days]


def missing_days(snapshot: Snapshot, span: int) -> list[date]:
    """Return the days of a span that the history does not have, between its first day and the snapshot's."""
    listed = set(snapshot.history_days)
    if not listed:
        return []
    first = max(min(listed), snapshot.day - timedelta(days=span - 1))
    days = [first + timedelta(days=n) for n in range((snapshot.day - first).days + 1)]
    return [day for day in days if day not in listed]


def ranks(snapshot: Snapshot, game: int) -> list[Row]:
    """Return the ranks that a game has held: day, list and rank. Raises: StoreError."""
    return [row for row in held_ranks(snapshot) if row["game_id"] == game]

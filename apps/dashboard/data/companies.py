"""Companies: the ranked ones, the search for any, and the games of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Row, Snapshot

FOUND = 50
GAMES = 60


def ranked(snapshot: Snapshot) -> list[Row]:
    """Return the companies whose games most users play, by rank. Raises: StoreError."""
    return snapshot.rows("select * from {mart_companies} order by rank")


def find(snapshot: Snapshot, text: str) -> list[Row]:
    """Return the companies whose names have a text, those with most games first. Raises: StoreError."""
    query = """
        select *, developed_games + published_games as games
        from {dim_companies}
        where contains(lower(strip_accents(company_name)), lower(strip_accents(trim(?))))
        order by games desc, company_name
        limit ?
    """
    return snapshot.rows(query, text[:80], FOUND)


def one(snapshot: Snapshot, company: int) -> Row | None:
    """Return a company with its figures of mart_companies, None if there is no such company. Raises: StoreError."""
    query = """
        select
            companies.*,
            ranked.rank,
            ranked.rank_change,
            ranked.games,
            ranked.releases_52w,
            ranked.mean_aggregated_rating,
            ranked.playing_users,
            ranked.playing_gained_7d,
            ranked.want_to_play_users
        from {dim_companies} as companies
        left join {mart_companies} as ranked on companies.company_id = ranked.company_id
        where companies.company_id = ?
    """
    found = snapshot.rows(query, company)
    return found[0] if found else None


def games_of(snapshot: Snapshot, company: int) -> list[Row]:
    """Return the games that a company developed or published, the most played first. Raises: StoreError."""
    query = """
        with
            made as (
                select distinct game_id
                from {bridge_game_company}
                where company_id = $company and role in ('developer', 'publisher')
            )
        select
            games.game_id, games.display_name, games.name_ko, games.cover_url, games.release_year,
            games.platform_abbreviations, games.developer_names, games.publisher_names, popularity.playing_users,
            count(*) over () as all_games
        from made
        join {dim_games} as games on made.game_id = games.game_id
        left join {fct_game_popularity} as popularity on made.game_id = popularity.game_id
        order by popularity.playing_users desc nulls last, games.first_release_date desc nulls last, games.game_id
        limit $limit
    """
    return snapshot.rows(query, {"company": company, "limit": GAMES})

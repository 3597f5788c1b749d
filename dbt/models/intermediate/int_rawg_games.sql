select
    games.id as rawg_game_id,
    games.name as rawg_name,
    coalesce({{ rawg_game_url("games.slug") }}, 'https://rawg.io') as rawg_url,
    games.released,
    games.rating,
    round(20 * games.rating, 1) as rating_of_100,
    games.ratings_count,
    games.metacritic,
    details.metacritic_url,
    games.playtime,
    games.esrb_rating,
    games.added,
    {% for status in rawg_statuses() %} games.added_{{ status }}, {% endfor %}
    games.platforms,
    games.genres,
    games.stores,
    games.updated_at
from {{ ref("stg_rawg__games") }} as games
left join {{ ref("stg_rawg__game_details") }} as details on games.id = details.id
where
    games.name is not null
    -- what was deleted stays in RAWG's list of changes; a game that came back has changed since
    and (not coalesce(details.is_missing, false) or details.updated_at < games.updated_at)

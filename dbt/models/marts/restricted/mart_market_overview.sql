select
    games.game_id,
    games.game_name,
    games.display_name,
    games.name_ko,
    games.game_type_name,
    games.is_main_game,
    games.first_release_date,
    games.release_year,
    games.url,
    rawg.rawg_game_id,
    rawg.rawg_name,
    matches.method as match_method,
    matches.confidence as match_confidence,
    games.aggregated_rating,
    games.aggregated_rating_count,
    rawg.metacritic,
    rawg.metacritic_url,
    games.rating,
    games.rating_count,
    rawg.rating as rawg_rating,
    rawg.rating_of_100 as rawg_rating_of_100,
    rawg.ratings_count as rawg_ratings_count,
    rawg.playtime,
    rawg.esrb_rating,
    {% for name in rawg_stores().values() %} stores.{{ name }}_url as {{ name }}_store_url, {% endfor %}
    rawg.added,
    {% for status in rawg_statuses() %} rawg.added_{{ status }}, {% endfor %}
    popularity.visit_count,
    popularity.want_to_play_users,
    popularity.playing_users,
    popularity.played_users,
    popularity.steam_peak_players,
    popularity.steam_review_count,
    popularity.positive_share,
    popularity.twitch_hours_watched,
    rawg.updated_at as rawg_updated_at,
    run.day,
    {{ attribution("rawg.rawg_url") }}
from {{ ref("int_game_matches") }} as matches
join {{ ref("dim_games") }} as games on matches.igdb_game_id = games.game_id
join {{ ref("int_rawg_games") }} as rawg on matches.rawg_game_id = rawg.rawg_game_id
left join {{ ref("int_rawg_game_stores") }} as stores on rawg.rawg_game_id = stores.rawg_game_id
left join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
cross join {{ ref("stg_run") }} as run

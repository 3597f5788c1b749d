with
    games as (select * from {{ ref("stg_games") }}),

    platforms as ({{ names_of_games("stg_game_platform_bridge", "stg_platforms", "platform_id") }}),

    genres as ({{ names_of_games("stg_game_genre_bridge", "stg_genres", "genre_id") }}),

    game_modes as ({{ names_of_games("stg_game_mode_bridge", "stg_game_modes", "game_mode_id") }}),

    themes as ({{ names_of_games("stg_game_theme_bridge", "stg_themes", "theme_id") }}),

    perspectives as ({{ names_of_games("stg_game_perspective_bridge", "stg_player_perspectives", "perspective_id") }})

select
    games.id as game_id,
    games.name as game_name,
    games.slug as game_slug,
    games.summary as game_summary,
    platforms.names as platform_names,
    genres.names as genre_names,
    game_modes.names as game_mode_names,
    themes.names as theme_names,
    perspectives.names as perspective_names,
    games.url,
    games.cover,
    games.hypes,
    games.aggregated_rating,
    games.aggregated_rating_count,
    games.first_release_date,
    games.created_at,
    games.updated_at,
    games.game_type,
    games.game_status,
    coalesce(games.game_type in ({{ var("main_game_types") | join(", ") }}), true)
    and coalesce(games.game_status not in ({{ var("unreleasable_game_statuses") | join(", ") }}), true) as is_main_game,
from games
left join platforms on games.id = platforms.game_id
left join genres on games.id = genres.game_id
left join game_modes on games.id = game_modes.game_id
left join themes on games.id = themes.game_id
left join perspectives on games.id = perspectives.game_id

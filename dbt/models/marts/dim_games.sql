with
    games as (select * from {{ ref("stg_igdb__games") }} where name is not null),

    platforms as ({{ names_of_sets("platforms", "stg_igdb__platforms") }}),

    genres as ({{ names_of_sets("genres", "stg_igdb__genres") }}),

    game_modes as ({{ names_of_sets("game_modes", "stg_igdb__game_modes") }}),

    themes as ({{ names_of_sets("themes", "stg_igdb__themes") }}),

    perspectives as ({{ names_of_sets("player_perspectives", "stg_igdb__player_perspectives") }}),

    franchises as ({{ names_of_sets("franchises", "stg_igdb__franchises") }}),

    collections as ({{ names_of_sets("collections", "stg_igdb__collections") }}),

    releases as (select game_id, min(year) as first_year from {{ ref("stg_igdb__release_dates") }} group by game_id)

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
    coalesce(games.game_type in ({{ setting("main_game_types") | join(", ") }}), true)
    and coalesce(
        games.game_status not in ({{ setting("unreleasable_game_statuses") | join(", ") }}), true
    ) as is_main_game,
    game_types.name as game_type_name,
    game_statuses.name as game_status_name,
    games.parent_game as parent_game_id,
    'https://images.igdb.com/igdb/image/upload/t_cover_big/' || covers.image_id || '.jpg' as cover_url,
    games.rating,
    games.rating_count,
    games.total_rating,
    coalesce(year(games.first_release_date), releases.first_year) as release_year,
    games.platforms as platform_ids,
    games.genres as genre_ids,
    games.game_modes as game_mode_ids,
    games.themes as theme_ids,
    games.player_perspectives as perspective_ids,
    games.franchises as franchise_ids,
    franchises.names as franchise_names,
    games.collections as collection_ids,
    collections.names as collection_names
from games
left join platforms on games.platforms = platforms.ids
left join genres on games.genres = genres.ids
left join game_modes on games.game_modes = game_modes.ids
left join themes on games.themes = themes.ids
left join perspectives on games.player_perspectives = perspectives.ids
left join franchises on games.franchises = franchises.ids
left join collections on games.collections = collections.ids
left join releases on games.id = releases.game_id
left join {{ ref("stg_igdb__game_types") }} as game_types on games.game_type = game_types.id
left join {{ ref("stg_igdb__game_statuses") }} as game_statuses on games.game_status = game_statuses.id
left join {{ ref("stg_igdb__covers") }} as covers on games.cover = covers.id

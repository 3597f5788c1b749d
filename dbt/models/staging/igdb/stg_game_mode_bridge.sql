select id as game_id, unnest(game_modes) as game_mode_id, from {{ ref("stg_games") }}

select id as game_id, unnest(themes) as theme_id, from {{ ref("stg_games") }}

select id as game_id, unnest(platforms) as platform_id, from {{ ref("stg_games") }}

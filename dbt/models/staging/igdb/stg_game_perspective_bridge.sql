select id as game_id, unnest(player_perspectives) as perspective_id, from {{ ref("stg_games") }}

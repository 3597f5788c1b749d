select id as game_id, unnest(franchises) as franchise_id, from {{ ref("stg_games") }}

select id as game_id, unnest(collections) as collection_id, from {{ ref("stg_games") }}

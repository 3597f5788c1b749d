select id as game_id, unnest(genres) as genre_id, from {{ ref("stg_games") }}

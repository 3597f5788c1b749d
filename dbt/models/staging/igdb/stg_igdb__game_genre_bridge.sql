select games.id as game_id, links.genre_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.genres) as links(genre_id)

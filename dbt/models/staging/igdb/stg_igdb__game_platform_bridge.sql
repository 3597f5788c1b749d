select games.id as game_id, links.platform_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.platforms) as links(platform_id)

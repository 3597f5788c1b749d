select games.id as game_id, links.perspective_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.player_perspectives) as links(perspective_id)

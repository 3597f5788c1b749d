select games.id as game_id, links.game_mode_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.game_modes) as links(game_mode_id)

select games.id as game_id, links.theme_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.themes) as links(theme_id)

select games.id as game_id, links.franchise_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.franchises) as links(franchise_id)

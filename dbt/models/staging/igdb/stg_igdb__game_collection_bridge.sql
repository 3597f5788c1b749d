select games.id as game_id, links.collection_id
from {{ ref("stg_igdb__games") }} as games
cross join lateral unnest(games.collections) as links(collection_id)

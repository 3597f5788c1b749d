select
    matches.igdb_game_id,
    matches.rawg_game_id,
    matches.method,
    matches.confidence,
    matches.evidence,
    {{ attribution("coalesce(" ~ rawg_game_url("rawg.slug") ~ ", 'https://rawg.io')") }}
from {{ ref("int_game_matches") }} as matches
left join {{ ref("stg_rawg__games") }} as rawg on matches.rawg_game_id = rawg.id

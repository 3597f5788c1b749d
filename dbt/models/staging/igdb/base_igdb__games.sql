select games.* {{ all_but("_ordinal, _partition") }}, cast(games._partition as date) as day
from {{ ref("base_igdb__game_rows") }} as games
anti join
    {{ ref("base_igdb__outdated_game_rows") }} as outdated
    on games.id = outdated.id
    and games._ordinal = outdated._ordinal

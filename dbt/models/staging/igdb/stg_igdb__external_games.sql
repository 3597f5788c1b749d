with current_rows as ({{ current_rows("igdb", "external_games") }})

select
    id,
    game as game_id,
    external_game_source,
    {{ text("uid") }} as uid,
    case when external_game_source = 1 then {{ steam_app("uid", "^([1-9][0-9]{0,9})$") }} end as steam_app_id,
    {{ text("url") }} as url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
from current_rows

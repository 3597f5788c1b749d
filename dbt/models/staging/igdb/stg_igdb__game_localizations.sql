with current_rows as ({{ current_rows("igdb", "game_localizations") }})

select
    id,
    game as game_id,
    region as region_id,
    {{ text("name") }} as name,
    cover,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
from current_rows

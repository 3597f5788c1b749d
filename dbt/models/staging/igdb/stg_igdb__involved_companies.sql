with current_rows as ({{ current_rows("igdb", "involved_companies") }})

select
    id,
    game as game_id,
    company as company_id,
    developer,
    publisher,
    porting,
    supporting,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
from current_rows

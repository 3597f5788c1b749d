with current_rows as ({{ current_rows("player_perspectives") }})

select id, name, slug, url, {{ utc("created_at") }} as created_at, {{ utc("updated_at") }} as updated_at, checksum
from current_rows

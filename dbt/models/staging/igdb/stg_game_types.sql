with current_rows as ({{ current_rows("game_types") }})

select id, type as name, {{ utc("created_at") }} as created_at, {{ utc("updated_at") }} as updated_at, checksum
from current_rows

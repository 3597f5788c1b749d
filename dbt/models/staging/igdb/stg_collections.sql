with current_rows as ({{ current_rows("collections") }})

select
    id,
    name,
    slug,
    {{ id_set("games") }} as games,
    url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    checksum
from current_rows

with current_rows as ({{ current_rows("popularity_types") }})

select
    id,
    name,
    external_popularity_source,
    popularity_source,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    checksum
from current_rows

with current_rows as ({{ current_rows("platforms") }})

select
    id,
    name,
    slug,
    alternative_name,
    generation,
    platform_logo,
    platform_type,
    url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    checksum
from current_rows

with current_rows as ({{ current_rows("igdb", "platforms") }})

select
    id,
    {{ text("name") }} as name,
    {{ text("slug") }} as slug,
    {{ text("abbreviation") }} as abbreviation,
    {{ text("alternative_name") }} as alternative_name,
    generation,
    platform_logo,
    platform_type,
    {{ text("url") }} as url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
from current_rows

with current_rows as ({{ current_rows("igdb", "popularity_types") }})

select
    id,
    {{ text("name") }} as name,
    external_popularity_source,
    popularity_source,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
from current_rows

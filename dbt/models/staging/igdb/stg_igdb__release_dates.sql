with current_rows as ({{ current_rows("igdb", "release_dates") }})

select
    id,
    game as game_id,
    platform as platform_id,
    release_region,
    {{ utc("date") }} as released_at,
    {{ year_number("y") }} as year,
    m as month,
    date_format,
    {{ text("human") }} as human,
    status,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["date", "created_at", "updated_at"], years=["y"]) }} as out_of_range_values
from current_rows

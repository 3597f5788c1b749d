with current_rows as ({{ current_rows("release_dates") }})

select
    id,
    game as game_id,
    platform as platform_id,
    release_region,
    {{ utc("date") }} as released_at,
    y as year,
    m as month,
    date_format,
    human,
    status,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    checksum
from current_rows

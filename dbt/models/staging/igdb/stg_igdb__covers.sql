with current_rows as ({{ current_rows("igdb", "covers") }})

select
    id,
    game as game_id,
    {{ text("image_id") }} as image_id,
    {{ text("url") }} as url,
    width,
    height,
    {{ text("checksum") }} as checksum
from current_rows

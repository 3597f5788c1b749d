with current_rows as ({{ current_rows("igdb", "websites") }})

select
    id,
    game as game_id,
    type,
    {{ text("url") }} as url,
    case when type = 13 then {{ steam_app("url", "/app/([1-9][0-9]{0,9})([^0-9]|$)") }} end as steam_app_id,
    {{ text("checksum") }} as checksum
from current_rows

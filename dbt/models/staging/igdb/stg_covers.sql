with current_rows as ({{ current_rows("covers") }})

select id, game as game_id, image_id, url, width, height, checksum
from current_rows

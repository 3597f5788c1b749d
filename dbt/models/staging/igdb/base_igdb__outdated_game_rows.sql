select id, _ordinal, fate
from ({{ fates_of_rows(ref("base_igdb__game_rows"), "igdb", "games") }})
where fate != 'staged'

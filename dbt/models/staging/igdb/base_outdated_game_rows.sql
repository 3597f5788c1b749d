select id, _ordinal, fate from ({{ fates_of_rows(ref("base_game_rows"), "games") }}) where fate != 'staged'

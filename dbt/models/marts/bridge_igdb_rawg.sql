select igdb_game_id, rawg_game_id, method, confidence, evidence from {{ ref("int_game_matches") }}

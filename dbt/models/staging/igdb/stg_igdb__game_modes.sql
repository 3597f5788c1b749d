{{ stage_lookup("igdb", "game_modes") }}

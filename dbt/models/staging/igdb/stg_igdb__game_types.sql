{{ stage_lookup("igdb", "game_types", label="type", columns=[]) }}

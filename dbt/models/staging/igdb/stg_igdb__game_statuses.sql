{{ stage_lookup("igdb", "game_statuses", label="status", columns=[]) }}

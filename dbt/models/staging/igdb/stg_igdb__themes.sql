{{ stage_lookup("igdb", "themes") }}

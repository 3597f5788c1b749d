{{ stage_lookup("igdb", "player_perspectives") }}

{{ stage_lookup("igdb", "genres") }}

{{ stage_lookup("igdb", "franchises", sets=["games"]) }}

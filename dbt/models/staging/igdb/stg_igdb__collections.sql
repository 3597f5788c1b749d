{{ stage_lookup("igdb", "collections", sets=["games"]) }}

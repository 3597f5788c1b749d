{{ stage_lookup("igdb", "regions", columns=["identifier", "category"]) }}

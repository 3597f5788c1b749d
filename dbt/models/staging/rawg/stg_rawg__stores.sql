{{ stage_rawg_list("stores", ["domain"]) }}

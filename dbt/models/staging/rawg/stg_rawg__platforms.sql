{{ stage_rawg_list("platforms", ["year_start", "year_end"]) }}

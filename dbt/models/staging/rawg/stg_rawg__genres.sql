{{ stage_rawg_list("genres") }}

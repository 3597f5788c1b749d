{{ stage_rawg_list("developers") }}

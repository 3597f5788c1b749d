{{ stage_rawg_list("publishers") }}

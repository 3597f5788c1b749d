{{ links_of_games("game_mode_id") }}

{{ links_of_games("theme_id") }}

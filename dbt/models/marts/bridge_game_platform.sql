{{ links_of_games("platform_id") }}

{{ links_of_games("perspective_id") }}

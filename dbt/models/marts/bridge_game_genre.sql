{{ links_of_games("genre_id") }}

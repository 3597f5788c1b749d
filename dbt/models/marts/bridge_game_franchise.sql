{{ links_of_games("franchise_id") }}

{{ links_of_games("collection_id") }}

{{ current_rows("igdb", "games") }}

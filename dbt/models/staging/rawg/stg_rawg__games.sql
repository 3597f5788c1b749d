{{ current_rows("rawg", "games") }}

{#
    The fields of IGDB's games: the name for people, and what a value is. `text` and `number` are shown as they are, a `date`
    as a day and a `rating` with four decimals. The others are ids, with the kind in int_igdb_names that names them; `id` is
    one that nothing here names.
#}
{% macro game_change_fields() %}
    {{
        return(
            {
                "game": ("Game", "text"),
                "name": ("Name", "text"),
                "slug": ("Name in addresses", "text"),
                "url": ("Page at IGDB", "text"),
                "version_title": ("Edition", "text"),
                "summary": ("Summary", "text"),
                "storyline": ("Storyline", "text"),
                "first_release_date": ("First release", "date"),
                "created_at": ("Added to IGDB", "date"),
                "hypes": ("Followers before release", "number"),
                "follows": ("Followers", "number"),
                "rating": ("Rating of users", "rating"),
                "rating_count": ("Ratings of users", "number"),
                "aggregated_rating": ("Rating of critics", "rating"),
                "aggregated_rating_count": ("Ratings of critics", "number"),
                "total_rating": ("Rating of users and critics", "rating"),
                "total_rating_count": ("Ratings of users and critics", "number"),
                "game_status": ("Status", "game_status"),
                "game_type": ("Kind of game", "game_type"),
                "status": ("Status, old field", "number"),
                "category": ("Kind of game, old field", "number"),
                "genres": ("Genres", "genre"),
                "themes": ("Themes", "theme"),
                "platforms": ("Platforms", "platform"),
                "game_modes": ("Game modes", "game_mode"),
                "player_perspectives": ("Perspectives", "player_perspective"),
                "collection": ("Series, old field", "collection"),
                "collections": ("Series", "collection"),
                "franchise": ("Main franchise", "franchise"),
                "franchises": ("Franchises", "franchise"),
                "involved_companies": ("Companies", "involved_company"),
                "parent_game": ("Parent game", "game"),
                "version_parent": ("Edition of", "game"),
                "similar_games": ("Similar games", "game"),
                "bundles": ("Bundles", "game"),
                "dlcs": ("DLC", "game"),
                "expansions": ("Expansions", "game"),
                "standalone_expansions": ("Standalone expansions", "game"),
                "expanded_games": ("Expanded games", "game"),
                "remakes": ("Remakes", "game"),
                "remasters": ("Remasters", "game"),
                "ports": ("Ports", "game"),
                "forks": ("Forks", "game"),
                "age_ratings": ("Age ratings", "id"),
                "alternative_names": ("Other names", "id"),
                "artworks": ("Artworks", "id"),
                "cover": ("Cover", "id"),
                "external_games": ("Pages elsewhere", "id"),
                "game_engines": ("Engines", "id"),
                "game_localizations": ("Localized names", "id"),
                "keywords": ("Keywords", "id"),
                "language_supports": ("Languages", "id"),
                "multiplayer_modes": ("Multiplayer modes", "id"),
                "release_dates": ("Release dates", "id"),
                "screenshots": ("Screenshots", "id"),
                "tags": ("Tags", "id"),
                "videos": ("Videos", "id"),
                "websites": ("Websites", "id"),
            }
        )
    }}
{% endmacro %}


{# The kinds whose values are ids. #}
{% macro kinds_of_ids() %}
    {% set kinds = [] %}
    {% for label, kind in game_change_fields().values() if kind not in ("text", "number", "date", "rating") %}
        {% if kind not in kinds %} {% do kinds.append(kind) %} {% endif %}
    {% endfor %}
    {{ return(kinds) }}
{% endmacro %}

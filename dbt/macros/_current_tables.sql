{# Generated from include/gamelake/sources/*/entities.yaml by `make generate`; do not edit. #}
{% macro current_tables() %}
    {{
        return(
            [
                {"table": "games", "entity": "games", "by_partition": false},
                {"table": "popscore_newest", "entity": "popscore", "by_partition": true},
                {"table": "platforms", "entity": "platforms", "by_partition": false},
                {"table": "genres", "entity": "genres", "by_partition": false},
                {"table": "game_modes", "entity": "game_modes", "by_partition": false},
                {"table": "themes", "entity": "themes", "by_partition": false},
                {"table": "player_perspectives", "entity": "player_perspectives", "by_partition": false},
                {"table": "popularity_types", "entity": "popularity_types", "by_partition": false},
                {"table": "game_types", "entity": "game_types", "by_partition": false},
                {"table": "game_statuses", "entity": "game_statuses", "by_partition": false},
                {"table": "covers", "entity": "covers", "by_partition": false},
                {"table": "companies", "entity": "companies", "by_partition": false},
                {"table": "involved_companies", "entity": "involved_companies", "by_partition": false},
                {"table": "release_dates", "entity": "release_dates", "by_partition": false},
                {"table": "franchises", "entity": "franchises", "by_partition": false},
                {"table": "collections", "entity": "collections", "by_partition": false},
            ]
        )
    }}
{% endmacro %}

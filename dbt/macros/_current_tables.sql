{# Generated from include/gamelake/sources/*/entities.yaml by `make generate`; do not edit. #}
{% macro current_tables() %}
    {{
        return(
            [
                {
                    "source": "igdb",
                    "table": "games",
                    "entity": "games",
                    "by_partition": false,
                    "rows_model": "base_igdb__games_rows",
                },
                {
                    "source": "igdb",
                    "table": "popscore_newest",
                    "entity": "popscore",
                    "by_partition": true,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "platforms",
                    "entity": "platforms",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "genres",
                    "entity": "genres",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "game_modes",
                    "entity": "game_modes",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "themes",
                    "entity": "themes",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "player_perspectives",
                    "entity": "player_perspectives",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "popularity_types",
                    "entity": "popularity_types",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "game_types",
                    "entity": "game_types",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "game_statuses",
                    "entity": "game_statuses",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "covers",
                    "entity": "covers",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "companies",
                    "entity": "companies",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "involved_companies",
                    "entity": "involved_companies",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "release_dates",
                    "entity": "release_dates",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "franchises",
                    "entity": "franchises",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "collections",
                    "entity": "collections",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "external_games",
                    "entity": "external_games",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "websites",
                    "entity": "websites",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "game_localizations",
                    "entity": "game_localizations",
                    "by_partition": false,
                    "rows_model": none,
                },
                {
                    "source": "igdb",
                    "table": "regions",
                    "entity": "regions",
                    "by_partition": false,
                    "rows_model": none,
                },
            ]
        )
    }}
{% endmacro %}

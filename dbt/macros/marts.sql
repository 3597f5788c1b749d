{#
    The games that a mart ranks: main games, unless `mart_game_types: all` asks for DLC, mods, bundles and the like too.
    Cancelled and rumored games are never ranked.
#}
{% macro rankable_games() %}
    select *
    from {{ ref("dim_games") }}
    where {{ "is_main_game" if setting("mart_game_types") == "main" else "is_releasable" }}
{% endmacro %}


{#
    The rows of a relation up to a rank, with the day that is built.

    previous_rank is the rank that the row had in the last published mart of an earlier day. rank_change is positive for a
    row that climbed, null for a new one. A mart that was built with other vars ranks other games, or by other scores: it
    is not compared with.

    key: the key of the row in the published mart; without one the relation is of games, and gets their common columns.
#}
{% macro top_n_with_previous_rank(relation, mart, limit, key=none) %}
    select
        {{ relation }}.*,
        {% if key is none %} {% for column in game_columns() %} games.{{ column }}, {% endfor %} {% endif %}
        previous.rank as previous_rank,
        previous.rank - {{ relation }}.rank as rank_change,
        run.day,
        (select max(day) from {{ ref("stg_previous_ranks") }} where mart = '{{ mart }}') as previous_day
    from {{ relation }}
    {% if key is none %} join {{ ref("dim_games") }} as games on {{ relation }}.game_id = games.game_id {% endif %}
    cross join {{ ref("stg_run") }} as run
    left join
        {{ ref("stg_previous_ranks") }} as previous
        on previous.mart = '{{ mart }}'
        and previous.key = {{ key or "cast(" ~ relation ~ ".game_id as string)" }}
    where {{ relation }}.rank <= {{ limit }}
{% endmacro %}


{% macro game_columns() %}
    {{
        return(
            [
                "game_name",
                "display_name",
                "name_ko",
                "game_type_name",
                "first_release_date",
                "release_date_precision",
                "korean_release_date",
                "release_year",
                "platform_names",
                "platform_abbreviations",
                "genre_names",
                "developer_names",
                "publisher_names",
                "game_summary",
                "cover",
                "cover_url",
                "url",
                "steam_app_id",
                "steam_url",
                "official_url",
                "gog_url",
                "epic_url",
            ]
        )
    }}
{% endmacro %}


{#
    The rows of IGDB that are releases: of status 4 the day is the one on which a game went offline there, and a release of
    status 5 was cancelled.
#}
{% macro release_dates() %}
    select * from {{ ref("stg_igdb__release_dates") }} where coalesce(status not in (4, 5), true)
{% endmacro %}


{# A score to order by, rounded: equal scores may differ in the last bit, and must be a tie. #}
{% macro rounded(score) %} round({{ score }}, 9) {% endmacro %}


{# One row per game and theme, genre or platform of a relation of games. #}
{% macro game_categories(games) %}
    {% for category in ["theme", "genre", "platform"] %}
        select '{{ category }}' as category, names.name, {{ games }}.*
        from {{ games }}
        cross join lateral unnest({{ games }}.{{ category }}_names) as names(name) {{ "union all" if not loop.last }}
    {% endfor %}
{% endmacro %}

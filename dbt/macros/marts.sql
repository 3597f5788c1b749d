{#
    The games that a mart ranks: main games, unless `mart_game_types: all` asks for DLC, mods, bundles and the like too.
#}
{% macro rankable_games() %}
    select * from {{ ref("dim_games") }} {% if setting("mart_game_types") == "main" %} where is_main_game {% endif %}
{% endmacro %}


{#
    The best rows of a relation that has a `rank`, with the rank that each had in the last published generation of an
    earlier day: rank_change is positive for a row that climbed, null for one that was not there. Ranks of a generation
    that was built with other vars are of other scores or other games, and count as not there.
#}
{% macro top_n_with_previous_rank(relation, mart, limit, key="game_id") %}
    select {{ relation }}.*, previous.rank as previous_rank, previous.rank - {{ relation }}.rank as rank_change
    from {{ relation }}
    left join
        {{ ref("stg_previous_ranks") }} as previous
        on previous.mart = '{{ mart }}'
        and previous.key = cast({{ relation }}.{{ key }} as string)
    where {{ relation }}.rank <= {{ limit }}
{% endmacro %}


{# A score to order by, rounded: equal scores may differ in the last bit, and must be a tie. #}
{% macro rounded(score) %} round({{ score }}, 9) {% endmacro %}

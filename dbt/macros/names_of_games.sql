{# One row per game of a bridge: the names of what it links to, sorted, each once. #}
{% macro names_of_games(bridge, dimension, key) %}
    select bridge.game_id, list(distinct dimension.name order by dimension.name) as names
    from {{ ref(bridge) }} as bridge
    join {{ ref(dimension) }} as dimension on bridge.{{ key }} = dimension.id
    where dimension.name is not null
    group by bridge.game_id
{% endmacro %}

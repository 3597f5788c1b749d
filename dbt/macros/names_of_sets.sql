{#
    One row per set of ids that some game has in a column: the names of what they link to, sorted, each once. Many games
    have the same few sets, so that sorting names for each set costs a small part of sorting them for each game.
#}
{% macro names_of_sets(column, dimension) %}
    select sets.ids, list(distinct dimension.name order by dimension.name) as names,
    from
        (select ids, unnest(ids) as id, from (select distinct {{ column }} as ids, from {{ ref("stg_games") }})) as sets
    join {{ ref(dimension) }} as dimension on sets.id = dimension.id
    where dimension.name is not null
    group by sets.ids
{% endmacro %}

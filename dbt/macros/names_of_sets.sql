{#
    One row per set of ids that some game has in a column: the names of what they link to, sorted, each once. Many games
    have the same few sets, so that sorting names for each set costs a small part of sorting them for each game.
#}
{% macro names_of_sets(column, dimension, name="dimension.name") %}
    select links.ids, {{ sorted_set("array_agg(" ~ name ~ ")") }} as names
    from
        (
            select sets.ids, members.id
            from (select distinct {{ column }} as ids from {{ ref("stg_igdb__games") }}) as sets
            cross join lateral unnest(sets.ids) as members(id)
        ) as links
    join {{ ref(dimension) }} as dimension on links.id = dimension.id
    where {{ name }} is not null
    group by links.ids
{% endmacro %}


{# One row per game and member of one of its sets: of the column genre_id, those of genre_ids in dim_games. #}
{% macro links_of_games(member) %}
    select games.game_id, links.{{ member }}
    from {{ ref("dim_games") }} as games
    cross join lateral unnest(games.{{ member }}s) as links({{ member }})
{% endmacro %}

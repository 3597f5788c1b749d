with
    popscore as (
        select
            *,
            row_number() over (
                partition by game_id, popularity_type order by calculated_at desc nulls last, id desc
            ) as place
        from {{ ref("stg_igdb__popscore") }}
        where is_usable
    ),

    newest_values as (select day, game_id, popularity_type, value from popscore where place = 1),

    units as ({{ popularity_units("newest_values") }}),

    types as (
        select
            day,
            popularity_type,
            max(popularity_type_name) as popularity_type_name,
            max(data_source) as data_source,
            count(case when place = 1 then 1 end) as games,
            max(calculated_at) as calculated_at
        from popscore
        group by day, popularity_type
    ),

    changes as (select * from {{ ref("int_popularity_changes") }} where span = 7)

select
    types.popularity_type,
    types.popularity_type_name,
    types.data_source,
    types.games,
    types.calculated_at,
    units.unit,
    units.explained_share,
    case
        types.popularity_type
        {% for type, metric in popularity_metrics().items() if metric in growth_metrics() %}
            when {{ type }} then changes.{{ metric }}_changed_share
        {% endfor %}
    end as changed_share_7d,
    types.day
from types
left join units on types.day = units.day and types.popularity_type = units.popularity_type
left join changes on true

{% set counts = popularity_counts() %}

with
    newest as (select newest_day as day from {{ ref("stg_loads") }} where source = 'igdb' and entity = 'popscore'),

    today as (
        select history.* from {{ ref("fct_game_popularity_daily") }} as history join newest on history.day = newest.day
    ),

    bases as (select * from {{ ref("int_popularity_bases") }})

select
    bases.span,
    {% for metric in growth_metrics() %}
        {% set column = counts[metric] %}
        count(case when today.{{ column }} <> bases.{{ column }} then 1 end)
        / nullif(cast(count(today.{{ column }} + bases.{{ column }}) as double), 0) as {{ metric }}_changed_share,
        count(bases.{{ column }}) > 0 as {{ metric }}_is_counted {{ "," if not loop.last }}
    {% endfor %}
from bases
left join today on bases.game_id = today.game_id
group by bases.span

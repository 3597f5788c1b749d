{% set counts = popularity_counts() %}

-- A condition on the day of a join lets DuckDB read the files of these days only.
with
    days as (select * from {{ ref("stg_popularity_days") }}),

    spans as (
        {% for span in growth_spans() %}select {{ span }} as span {{ "union all" if not loop.last }} {% endfor %}
    ),

    newest as (select newest_day as day from {{ ref("stg_loads") }} where source = 'igdb' and entity = 'popscore'),

    bases as (
        select spans.span, max(days.day) as day
        from newest
        cross join spans
        join
            days
            on days.day <= newest.day - spans.span
            -- if that day was not loaded, the newest loaded day before it counts, but none that is much older
            and days.day >= newest.day - spans.span - {{ setting("growth_tolerance_days") }}
        group by spans.span
    )

select
    {% for metric in growth_metrics() %} history.{{ metric }}, history.{{ counts[metric] }}, {% endfor %}
    bases.span,
    history.day,
    history.game_id
from {{ ref("fct_game_popularity_daily") }} as history
join bases on history.day = bases.day

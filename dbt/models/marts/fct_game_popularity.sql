{% set metrics = popularity_metrics().values() | list %}

with
    -- not the newest day that has values: a load that found none is no reason to show older ones as today's
    newest as (select newest_day as day from {{ ref("stg_loads") }} where source = 'igdb' and entity = 'popscore'),

    today as (
        select history.* from {{ ref("fct_game_popularity_daily") }} as history join newest on history.day = newest.day
    ),

    bases as (select * from {{ ref("int_popularity_bases") }}),

    -- The median of what is known on the base day. Below it a change means little: from almost nothing to thrice that
    -- is no growth.
    floors as (
        select
            {% for metric in growth_metrics() %}
                percentile_cont({{ setting("growth_floor_quantile") }}) within group (
                    order by {{ metric }}
                ) as {{ metric }},
            {% endfor %}
            span
        from bases
        group by span
    ),

    growth as (
        select
            {% for span in growth_spans() %}
                {% for metric in growth_metrics() %}
                    max(
                        case
                            when today.{{ metric }} >= floors.{{ metric }} or bases.{{ metric }} >= floors.{{ metric }}
                            then
                                greatest(today.{{ metric }}, floors.{{ metric }})
                                / nullif(greatest(bases.{{ metric }}, floors.{{ metric }}), 0)
                                - 1
                        end
                    ) filter (
                        where
                            bases.span = {{ span }}
                            and today.{{ metric }} is not null
                            and bases.{{ metric }} is not null
                    ) as {{ metric }}_growth_{{ span }}d,
                {% endfor %}
            {% endfor %}
            bases.game_id
        from bases
        join floors on bases.span = floors.span
        join today on bases.game_id = today.game_id
        group by bases.game_id
    )

select
    today.game_id,
    {% for metric in metrics %} today.{{ metric }}, {% endfor %}
    today.igdb_total_engagement,
    today.has_igdb_data,
    today.has_steam_data,
    today.has_twitch_data,
    today.available_metrics_count,
    today.cross_platform_score,
    {{ percentile("today.steam_positive_reviews") }} as positive_reviews_percentile,
    {{ percentile("today.steam_negative_reviews") }} as negative_reviews_percentile,
    {{ percentile("today.steam_total_reviews") }} as total_reviews_percentile,
    {{ percentile("today.igdb_total_engagement") }} as engagement_percentile,
    {{ percentile("today.playing") }} as playing_percentile,
    {{ percentile("today.played") }} as played_percentile,
    {% for span in growth_spans() %}
        {% for metric in growth_metrics() %} growth.{{ metric }}_growth_{{ span }}d, {% endfor %}
    {% endfor %}
    today.day
from today
left join growth on today.game_id = growth.game_id

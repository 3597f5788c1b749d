{% set metrics = popularity_metrics().values() | list %}
{% set counts = popularity_counts() %}
{% set percentile_columns = {
    "positive_reviews_percentile": "steam_positive_reviews",
    "negative_reviews_percentile": "steam_negative_reviews",
    "total_reviews_percentile": "steam_total_reviews",
    "engagement_percentile": "igdb_total_engagement",
    "visits_percentile": "visits",
    "playing_percentile": "playing",
    "played_percentile": "played",
    "peak_players_percentile": "steam_24hr_peak_players",
    "twitch_percentile": "twitch_24hr_hours_watched",
} %}

with
    -- not the newest day that has values: a load that found none is no reason to show older ones as today's
    newest as (select newest_day as day from {{ ref("stg_loads") }} where source = 'igdb' and entity = 'popscore'),

    today as (
        select history.* from {{ ref("fct_game_popularity_daily") }} as history join newest on history.day = newest.day
    ),

    bases as (select * from {{ ref("int_popularity_bases") }}),

    changes as (select * from {{ ref("int_popularity_changes") }}),

    percentiles as ({{ percentiles("today", percentile_columns) }}),

    gains as (
        select
            {% for span in growth_spans() %}
                {% for metric in growth_metrics() %}
                    case
                        when
                            changes_{{ span }}.{{ metric }}_changed_share >= 0.01
                            or changes_{{ span }}.{{ metric }}_changed_share is null
                        then
                            coalesce(
                                today.{{ counts[metric] }}
                                {% if metric in ["visits", "want_to_play", "playing"] %}
                                    -- IGDB lists every game with a user: no value is no user, now and then
                                    ,
                                    case
                                        when
                                            bases_{{ span }}.{{ counts[metric] }} is not null
                                            and today.{{ metric }} is null
                                            and count(today.{{ counts[metric] }}) over () > 0
                                        then 0
                                    end
                                {% endif %}
                            ) - coalesce(
                                bases_{{ span }}.{{ counts[metric] }}
                                {% if metric in ["visits", "want_to_play", "playing"] %}
                                    ,
                                    case
                                        when
                                            changes_{{ span }}.{{ metric }}_is_counted
                                            and bases_{{ span }}.{{ metric }} is null
                                        then 0
                                    end
                                {% endif %}
                            )
                    end as {{ metric }}_gained_{{ span }}d,
                {% endfor %}
            {% endfor %}
            today.game_id
        from today
        {% for span in growth_spans() %}
            left join
                bases as bases_{{ span }}
                on today.game_id = bases_{{ span }}.game_id
                and bases_{{ span }}.span = {{ span }}
            left join changes as changes_{{ span }} on changes_{{ span }}.span = {{ span }}
        {% endfor %}
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
    {% for name in percentile_columns %} percentiles.{{ name }}, {% endfor %}
    {% for column in counts.values() %} today.{{ column }}, {% endfor %}
    today.steam_positive_count
    / nullif(cast(today.steam_positive_count + today.steam_negative_count as double), 0) as positive_share,
    {% for span in growth_spans() %}
        {% for metric in growth_metrics() %}
            gains.{{ metric }}_gained_{{ span }}d,
            case
                when
                    coalesce(today.{{ counts[metric] }}, 0) - gains.{{ metric }}_gained_{{ span }}d
                    >= {{ setting("growth_minimum_count") }}
                then
                    gains.{{ metric }}_gained_{{ span }}d
                    / cast(coalesce(today.{{ counts[metric] }}, 0) - gains.{{ metric }}_gained_{{ span }}d as double)
            end as {{ metric }}_growth_{{ span }}d,
        {% endfor %}
    {% endfor %}
    today.day
from today
join gains on today.game_id = gains.game_id
left join percentiles on today.game_id = percentiles.game_id

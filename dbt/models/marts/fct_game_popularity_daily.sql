{% set counts = popularity_counts() %}

with
    -- of several values of a game and type the one that IGDB calculated last counts
    popscore as (
        select
            day,
            game_id,
            popularity_type,
            value,
            row_number() over (
                partition by day, game_id, popularity_type order by calculated_at desc nulls last, id desc
            ) as place
        from {{ ref("stg_igdb__popscore_day") }}
        where is_usable
    ),

    newest_values as (select day, game_id, popularity_type, value from popscore where place = 1),

    units as ({{ popularity_units("newest_values") }}),

    counted as (
        select newest_values.*, {{ whole_units("newest_values.value", "units.unit") }} as counted
        from newest_values
        left join units on newest_values.day = units.day and newest_values.popularity_type = units.popularity_type
    ),

    metrics as (
        select
            day,
            game_id,
            {% for type, metric in popularity_metrics().items() %}
                max(value) filter (where popularity_type = {{ type }}) as {{ metric }},
                {% if metric in counts %}
                    max(counted) filter (where popularity_type = {{ type }}) as {{ counts[metric] }},
                {% endif %}
            {% endfor %}
            cast(bool_or(popularity_type between 1 and 4) as integer) as has_igdb_data,
            cast(bool_or(popularity_type between 5 and 10) as integer) as has_steam_data,
            cast(bool_or(popularity_type = 34) as integer) as has_twitch_data,
            count(distinct popularity_type) as available_metrics_count
        from counted
        group by day, game_id
    )

select
    day,
    game_id,
    {% for metric in popularity_metrics().values() %} {{ metric }}, {% endfor %}
    -- terms in a fixed order: sum() over floats would differ in its last bits from build to build
    case
        when has_igdb_data = 1
        then coalesce(visits, 0) + coalesce(want_to_play, 0) + coalesce(playing, 0) + coalesce(played, 0)
    end as igdb_total_engagement,
    has_igdb_data,
    has_steam_data,
    has_twitch_data,
    available_metrics_count,
    has_igdb_data + has_steam_data + has_twitch_data as cross_platform_score,
    {% for column in counts.values() %} {{ column ~ ("," if not loop.last) }} {% endfor %}
from metrics

{% set weights = {
    "visits": 0.30,
    "playing": 0.25,
    "want_to_play": 0.15,
    "steam_24hr_peak_players": 0.10,
    "steam_global_top_sellers": 0.10,
    "twitch_24hr_hours_watched": 0.10,
} %}
{% set counts = popularity_counts() %}
{% set parts = [] %}
{% for metric, weight in weights.items() %} {% do parts.append((weight, metric ~ "_change")) %} {% endfor %}

with
    games as ({{ rankable_games() }}),

    popularity as (
        select
            *,
            {% for metric in weights %}
                coalesce({{ counts[metric] }}, 0)
                - {{ metric }}_gained_7d as {{ metric }}_7d_ago {{ "," if not loop.last }}
            {% endfor %}
        from {{ ref("fct_game_popularity") }}
    ),

    priors as (
        select
            {% for metric in weights %}
                percentile_cont(0.9) within group (
                    order by case when {{ metric }}_7d_ago > 0 then {{ metric }}_7d_ago end
                ) as {{ metric }} {{ "," if not loop.last }}
            {% endfor %}
        from popularity
    ),

    changes as (
        select
            popularity.*,
            {% for metric in weights %}
                -- 1 is a doubling: what Twitch had missed a week ago counts for no more
                case
                    when popularity.{{ metric }}_gained_7d is not null and priors.{{ metric }} is not null
                    then
                        least(
                            greatest(
                                cast(3 * popularity.{{ metric }}_gained_7d as double) / (
                                    coalesce(popularity.{{ counts[metric] }}, 0)
                                    + popularity.{{ metric }}_7d_ago
                                    + priors.{{ metric }}
                                ),
                                -1
                            ),
                            1
                        )
                end as {{ metric }}_change,
            {% endfor %}
            {% for metric in weights %}
                case
                    when
                        popularity.{{ metric }}_gained_7d > 0
                        and 100 * popularity.{{ metric }}_gained_7d >= popularity.{{ metric }}_7d_ago
                    then 1
                    else 0
                end {{ "+" if not loop.last }}
            {% endfor %} as rising_signals
        from popularity
        cross join priors
    ),

    scored as (
        select
            games.game_id,
            100 * {{ weighted_mean(parts) }} as trending_score,
            cast({{ available_weight(parts) }} as double) as score_evidence,
            changes.rising_signals,
            {% for metric in weights %} changes.{{ counts[metric] }}, changes.{{ metric }}_gained_7d, {% endfor %}
            changes.cross_platform_score,
            games.aggregated_rating
        from games
        join changes on games.game_id = changes.game_id
        where {{ available_weight(parts) }} >= {{ setting("minimum_evidence") }} and changes.rising_signals >= 2
    ),

    ranked as (
        select *, cast(row_number() over (order by {{ rounded("trending_score") }} desc, game_id) as bigint) as rank
        from scored
        where {{ rounded("trending_score") }} > 0
    )

    {{ top_n_with_previous_rank("ranked", "mart_trending_now", 100) }}

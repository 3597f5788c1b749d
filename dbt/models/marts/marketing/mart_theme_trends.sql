{% set metrics = {"visits": "visit_count", "want_to_play": "want_to_play_users", "playing": "playing_users"} %}

with
    games as ({{ rankable_games() }}),

    popular as (
        select
            games.theme_names,
            games.genre_names,
            games.platform_names,
            case
                when
                    coalesce(games.release_date_precision <> 'day', true)
                    or games.first_release_date >= run.day + interval 1 day
                then null
                when games.first_release_date >= run.day - interval 363 day
                then 'last'
                when games.first_release_date >= run.day - interval 727 day
                then 'previous'
            end as weeks,
            {% for metric, column in metrics.items() %}
                popularity.{{ column }}, popularity.{{ metric }}_gained_7d {{ "," if not loop.last }}
            {% endfor %}
        from games
        cross join {{ ref("stg_run") }} as run
        left join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
    ),

    members as ({{ game_categories("popular") }}),

    sums as (
        select
            category,
            name,
            count(*) as games,
            count(case when weeks = 'last' then 1 end) as releases_52w,
            count(case when weeks = 'previous' then 1 end) as releases_previous_52w,
            {% for metric, column in metrics.items() %}
                cast(sum({{ column }}) as bigint) as {{ column }},
                cast(sum({{ metric }}_gained_7d) as bigint) as {{ metric }}_gained_7d,
                cast(
                    sum(
                        case
                            when {{ metric }}_gained_7d is not null
                            then coalesce({{ column }}, 0) - {{ metric }}_gained_7d
                        end
                    ) as double
                ) as {{ metric }}_7d_ago {{ "," if not loop.last }}
            {% endfor %}
        from members
        group by category, name
    ),

    ranked as (
        select
            category,
            name,
            games,
            releases_52w,
            releases_previous_52w,
            {% for metric, column in metrics.items() %}
                {{ column }},
                {{ metric }}_gained_7d,
                case
                    when {{ metric }}_7d_ago >= {{ setting("growth_minimum_count") }}
                    then {{ metric }}_gained_7d / {{ metric }}_7d_ago
                end as {{ metric }}_growth_7d,
            {% endfor %}
            cast(
                row_number() over (
                    partition by category
                    order by playing_gained_7d desc nulls last, playing_users desc nulls last, games desc, name
                ) as bigint
            ) as rank
        from sums
    )

    {{ top_n_with_previous_rank("ranked", "mart_theme_trends", 50, key="ranked.category || ':' || ranked.name") }}

{% set counts = ["visit_count", "want_to_play_users", "playing_users"] %}

with
    games as ({{ rankable_games() }}),

    dated as (
        select
            games.game_id,
            games.theme_names,
            games.genre_names,
            games.platform_names,
            case
                when games.release_date_precision = 'day' and games.first_release_date < run.day + interval 1 day
                then {{ week_of("games.first_release_date") }}
            end as release_week
        from games
        cross join {{ ref("stg_run") }} as run
    ),

    members as ({{ game_categories("dated") }}),

    released as (
        select members.category, members.name, members.release_week as week, count(*) as releases
        from members
        cross join {{ ref("stg_run") }} as run
        where members.release_week >= {{ first_week("run.day") }}
        group by members.category, members.name, members.release_week
    ),

    counted as (
        select
            members.category,
            members.name,
            popular.week,
            max(popular.day) as popularity_day,
            {% for count in counts %}
                cast(sum(popular.{{ count }}) as bigint) as {{ count ~ ("," if not loop.last) }}
            {% endfor %}
        from members
        join {{ ref("int_popularity_weeks") }} as popular on members.game_id = popular.game_id
        group by members.category, members.name, popular.week
    )

select
    coalesce(counted.category, released.category) as category,
    coalesce(counted.name, released.name) as name,
    coalesce(counted.week, released.week) as week,
    coalesce(released.releases, 0) as releases,
    counted.popularity_day,
    {% for count in counts %} counted.{{ count }}, {% endfor %}
    run.day
from counted
full join
    released on counted.category = released.category and counted.name = released.name and counted.week = released.week
cross join {{ ref("stg_run") }} as run

-- A condition on the day of a join lets DuckDB read the files of these days only.
with
    weeks as (
        select {{ week_of("days.day") }} as week, max(days.day) as day
        from {{ ref("stg_popularity_days") }} as days
        cross join {{ ref("stg_run") }} as run
        where days.day >= {{ first_week("run.day") }} and days.day <= run.day
        group by 1
    )

select
    weeks.week,
    history.day,
    history.game_id,
    history.playing,
    history.visit_count,
    history.want_to_play_users,
    history.playing_users
from {{ ref("fct_game_popularity_daily") }} as history
join weeks on history.day = weeks.day

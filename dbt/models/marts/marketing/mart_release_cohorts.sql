{% set spans = [7, 30, 90] %}

with
    games as ({{ rankable_games() }}),

    released as (
        select
            games.game_id,
            games.theme_names,
            games.genre_names,
            games.platform_names,
            cast(games.first_release_date as date) as release_day
        from games
        cross join {{ ref("stg_run") }} as run
        where
            games.release_date_precision = 'day'
            and games.first_release_date < run.day + interval 1 day
            and games.first_release_date >= date_trunc('month', run.day) - interval 11 month
    ),

    -- of a day without any game that is played nothing is known
    days as (select day from {{ ref("int_popularity_weeks") }} where playing is not null group by day),

    judged as (
        select
            released.game_id,
            {% for span in spans %}
                min(
                    case
                        when
                            days.day >= released.release_day + {{ span }}
                            and days.day
                            <= released.release_day + {{ span }} + 6 + {{ setting("growth_tolerance_days") }}
                        then days.day
                    end
                ) as day_{{ span ~ ("," if not loop.last) }}
            {% endfor %}
        from released
        left join days on days.day >= released.release_day + 7
        group by released.game_id
    ),

    played as (
        select
            judged.game_id,
            {% for span in spans %}
                max(judged.day_{{ span }}) as day_{{ span }},
                max(case when popular.day = judged.day_{{ span }} then 1 else 0 end) as is_played_{{ span }}
                {{ "," if not loop.last }}
            {% endfor %}
        from judged
        left join
            {{ ref("int_popularity_weeks") }} as popular on judged.game_id = popular.game_id and popular.playing > 0
        group by judged.game_id
    ),

    categories as (
        select category, name, game_id
        from ({{ game_categories("released") }}) as members
        union all
        select 'all', 'all', game_id
        from released
    ),

    cohorts as (
        select
            categories.category,
            categories.name,
            cast(date_trunc('month', released.release_day) as date) as release_month,
            count(*) as releases,
            {% for span in spans %}
                count(played.day_{{ span }}) as judged_{{ span }}d,
                count(case when played.is_played_{{ span }} = 1 then 1 end) as played_{{ span }}d
                {{ "," if not loop.last }}
            {% endfor %}
        from categories
        join released on categories.game_id = released.game_id
        join played on categories.game_id = played.game_id
        group by categories.category, categories.name, cast(date_trunc('month', released.release_day) as date)
    )

select
    cohorts.category,
    cohorts.name,
    cohorts.release_month,
    cohorts.releases,
    {% for span in spans %}
        cohorts.judged_{{ span }}d,
        cohorts.played_{{ span }}d / nullif(cast(cohorts.judged_{{ span }}d as double), 0) as played_share_{{ span }}d,
    {% endfor %}
    run.day
from cohorts
cross join {{ ref("stg_run") }} as run

with
    games as ({{ rankable_games() }}),

    ranked as (
        select
            games.game_id,
            games.hypes,
            cast(
                row_number() over (
                    order by games.first_release_date desc, games.hypes desc nulls last, games.game_id
                ) as bigint
            ) as rank
        from games
        cross join {{ ref("stg_run") }} as run
        -- "2026" is written as its last day: only a date that is known to the day is a release
        where games.release_date_precision = 'day' and games.first_release_date < run.day + interval 1 day
    )

    {{ top_n_with_previous_rank("ranked", "mart_recent_games", 50) }}

with
    games as ({{ rankable_games() }}),

    run as (select * from {{ ref("stg_run") }}),

    ranked as (
        select
            games.game_name,
            games.first_release_date,
            games.platform_names,
            games.genre_names,
            games.game_summary,
            games.cover,
            games.url,
            games.game_id,
            cast(row_number() over (order by games.first_release_date desc, games.game_id) as bigint) as rank
        from games
        cross join run
        where games.first_release_date < run.day + interval 1 day
    )

    {{ top_n_with_previous_rank("ranked", "mart_recent_games", 50) }}

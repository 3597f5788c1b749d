with
    games as ({{ rankable_games() }}),

    ranked as (
        select
            games.game_id,
            games.hypes,
            games.aggregated_rating,
            games.aggregated_rating_count,
            popularity.want_to_play_users,
            popularity.want_to_play_gained_7d,
            popularity.steam_wishlist_points,
            cast(
                row_number() over (
                    order by games.hypes desc, popularity.want_to_play_users desc nulls last, games.game_id
                ) as bigint
            ) as rank
        from games
        cross join {{ ref("stg_run") }} as run
        left join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        where
            games.hypes > 0
            and (games.first_release_date is null or games.first_release_date >= run.day + interval 1 day)
    )

    {{ top_n_with_previous_rank("ranked", "mart_top_hyped", 50) }}

with
    games as ({{ rankable_games() }}),

    ranked as (
        select
            games.game_id,
            popularity.playing_users,
            popularity.playing_gained_7d,
            popularity.playing_growth_7d,
            popularity.playing_gained_28d,
            popularity.playing_growth_28d,
            popularity.played_users,
            popularity.steam_peak_players,
            popularity.twitch_hours_watched,
            popularity.playing_percentile,
            popularity.cross_platform_score,
            games.aggregated_rating,
            cast(
                row_number() over (
                    order by popularity.playing_users desc, popularity.played_users desc nulls last, games.game_id
                ) as bigint
            ) as rank
        from games
        join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        where popularity.playing_users > 0
    )

    {{ top_n_with_previous_rank("ranked", "mart_most_played", 100) }}

with
    games as ({{ rankable_games() }}),

    popularity as (
        select *, coalesce(playing_users, 0) - playing_gained_7d as playing_users_7d_ago
        from {{ ref("fct_game_popularity") }}
        where playing_gained_7d is not null
    ),

    -- how many users came or left in the week, as a share of those that were there
    turnover as (
        select cast(sum(abs(playing_gained_7d)) as double) / sum(playing_users_7d_ago) as turnover_7d
        from popularity
        where playing_users_7d_ago > 0
    ),

    scored as (
        select
            games.game_id,
            popularity.playing_gained_7d
            / sqrt(turnover.turnover_7d * (popularity.playing_users_7d_ago + 10)) as rising_score,
            popularity.playing_users,
            popularity.playing_users_7d_ago,
            popularity.playing_gained_7d,
            popularity.playing_growth_7d,
            popularity.playing_gained_28d,
            popularity.playing_growth_28d,
            turnover.turnover_7d,
            popularity.played_users,
            popularity.visit_count,
            popularity.want_to_play_users,
            popularity.steam_peak_players,
            popularity.twitch_hours_watched,
            games.aggregated_rating
        from games
        join popularity on games.game_id = popularity.game_id
        cross join turnover
        where
            popularity.playing_gained_7d >= 5
            and turnover.turnover_7d > 0
            and coalesce(popularity.playing_gained_28d > 0, true)
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by {{ rounded("rising_score") }} desc, playing_gained_7d desc, game_id
                ) as bigint
            ) as rank
        from scored
        where {{ rounded("rising_score") }} >= 3
    )

    {{ top_n_with_previous_rank("ranked", "mart_rising_stars", 100) }}

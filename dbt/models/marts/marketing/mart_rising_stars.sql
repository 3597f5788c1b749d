{% set parts = [
    (0.30, "played_now.playing_percentile"),
    (0.25, "played_now.velocity_percentile"),
    (0.05, "played_now.engagement_percentile"),
    (0.15, "played_now.positive_reviews_percentile"),
    (0.10, "played_now.twitch_percentile"),
    (0.15, "ratings.weighted_rating"),
] %}

with
    games as ({{ rankable_games() }}),

    ratings as (select * from {{ ref("int_game_ratings") }}),

    velocities as (
        select *, 1 + playing_growth_7d as velocity_ratio
        from {{ ref("fct_game_popularity") }}
        where playing is not null
    ),

    percentiles as (
        select
            *,
            {{ percentile("velocity_ratio") }} as week_percentile,
            {{ percentile("playing_growth_28d") }} as month_percentile,
            {{ percentile("twitch_24hr_hours_watched") }} as twitch_percentile
        from velocities
    ),

    played_now as (
        select *, {{ weighted_mean([(0.5, "week_percentile"), (0.5, "month_percentile")]) }} as velocity_percentile
        from percentiles
    ),

    scored as (
        select
            games.game_name,
            {{ weighted_mean(parts) }} as rising_score,
            played_now.playing_percentile,
            played_now.velocity_percentile,
            played_now.engagement_percentile,
            played_now.velocity_ratio,
            played_now.positive_reviews_percentile,
            played_now.twitch_percentile,
            played_now.cross_platform_score,
            played_now.steam_positive_reviews,
            played_now.steam_total_reviews,
            played_now.playing,
            played_now.played,
            played_now.igdb_total_engagement,
            games.aggregated_rating,
            games.platform_names,
            games.genre_names,
            games.first_release_date,
            games.game_summary,
            games.cover,
            games.url,
            cast({{ available_weight(parts) }} as double) as score_evidence,
            played_now.playing_growth_7d,
            played_now.playing_growth_28d,
            games.game_id
        from games
        join played_now on games.game_id = played_now.game_id
        left join ratings on games.game_id = ratings.game_id
        where
            played_now.playing_percentile >= 30
            -- what is known to shrink is no rising star, however many play it
            and coalesce(greatest(played_now.playing_growth_7d, played_now.playing_growth_28d) > 0, true)
            and {{ available_weight(parts) }} >= {{ setting("minimum_evidence") }}
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by
                        {{ rounded("rising_score") }} desc,
                        first_release_date desc nulls last,
                        playing_percentile desc,
                        game_id
                ) as bigint
            ) as rank
        from scored
    )

    {{ top_n_with_previous_rank("ranked", "mart_rising_stars", 100) }}

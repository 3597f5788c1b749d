{% set parts = [
    (0.30, "played_now.playing_percentile"),
    (0.25, "played_now.velocity_percentile"),
    (0.05, "played_now.engagement_percentile"),
    (0.15, "played_now.positive_reviews_percentile"),
    (0.10, "played_now.twitch_percentile"),
    (0.15, "games.aggregated_rating"),
] %}

with
    games as (select * from {{ ref("dim_games") }} where is_main_game),

    velocities as (
        select
            *,
            -- a game that nobody has played through yet has no velocity, rather than none
            playing / nullif(played, 0) as velocity_ratio,
        from {{ ref("fct_game_popularity") }}
        where playing is not null
    ),

    played_now as (
        select
            *,
            {{ percentile("velocity_ratio") }} as velocity_percentile,
            {{ percentile("twitch_24hr_hours_watched") }} as twitch_percentile,
        from velocities
    )

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
    cast({{ known_weight(parts) }} as double) as score_evidence,
    games.game_id,
from games
join played_now on games.game_id = played_now.game_id
where played_now.playing_percentile >= 30 and {{ known_weight(parts) }} >= {{ var("minimum_evidence") }}
order by rising_score desc, games.first_release_date desc nulls last, played_now.playing_percentile desc, games.game_id
limit 100

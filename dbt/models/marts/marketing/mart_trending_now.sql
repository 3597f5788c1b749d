with
    games as ({{ rankable_games() }}),

    popularity as (select * from {{ ref("fct_game_popularity") }}),

    ranked as (
        select
            games.game_name,
            popularity.playing,
            popularity.played,
            popularity.playing_percentile,
            popularity.played_percentile,
            popularity.igdb_total_engagement,
            popularity.steam_positive_reviews,
            popularity.cross_platform_score,
            games.aggregated_rating,
            games.platform_names,
            games.genre_names,
            games.first_release_date,
            games.game_summary,
            games.cover,
            games.url,
            games.game_id,
            cast(
                row_number() over (
                    order by popularity.playing_percentile desc, popularity.playing desc, games.game_id
                ) as bigint
            ) as rank
        from games
        join popularity on games.game_id = popularity.game_id
        where popularity.playing_percentile >= 50 and popularity.played_percentile >= 20
    )

    {{ top_n_with_previous_rank("ranked", "mart_trending_now", 100) }}

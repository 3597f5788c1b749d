{% set parts = [
    (0.40, "popularity.positive_reviews_percentile"),
    (0.30, "ratings.weighted_rating"),
    (0.20, "(100 - popularity.engagement_percentile)"),
    (0.10, "(100 - popularity.total_reviews_percentile)"),
] %}

with
    games as ({{ rankable_games() }}),

    popularity as (select * from {{ ref("fct_game_popularity") }}),

    ratings as (select * from {{ ref("int_game_ratings") }}),

    scored as (
        select
            games.game_name,
            {{ weighted_mean(parts) }} as hidden_score,
            popularity.steam_positive_reviews,
            popularity.steam_negative_reviews,
            popularity.steam_total_reviews,
            popularity.positive_reviews_percentile,
            popularity.total_reviews_percentile,
            popularity.engagement_percentile,
            popularity.igdb_total_engagement,
            popularity.cross_platform_score,
            games.aggregated_rating,
            games.aggregated_rating_count,
            games.platform_names,
            games.genre_names,
            games.first_release_date,
            games.game_summary,
            games.cover,
            games.url,
            cast({{ available_weight(parts) }} as double) as score_evidence,
            games.game_id
        from games
        join popularity on games.game_id = popularity.game_id
        left join ratings on games.game_id = ratings.game_id
        where
            -- an unknown figure does not exclude a game, and has no part in the score
            coalesce(popularity.engagement_percentile <= 50, true)
            and coalesce(popularity.total_reviews_percentile <= 60, true)
            and coalesce(popularity.negative_reviews_percentile <= 40, true)
            -- one critic's 100 is no rating of 75 yet
            and (popularity.positive_reviews_percentile >= 50 or ratings.weighted_rating >= 75)
            and {{ available_weight(parts) }} >= {{ setting("minimum_evidence") }}
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by
                        {{ rounded("hidden_score") }} desc,
                        aggregated_rating desc nulls last,
                        positive_reviews_percentile desc nulls last,
                        game_id
                ) as bigint
            ) as rank
        from scored
    )

    {{ top_n_with_previous_rank("ranked", "mart_hidden_gems", 100) }}

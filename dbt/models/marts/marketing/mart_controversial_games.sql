with
    games as ({{ rankable_games() }}),

    scored as (
        select
            games.game_id,
            -- 1 where both sides are equally strong, 0 where all agree; times how many reviews there are
            (1 - abs(2 * popularity.positive_share - 1)) * popularity.total_reviews_percentile as controversy_score,
            popularity.positive_share,
            popularity.steam_positive_count,
            popularity.steam_negative_count,
            popularity.steam_review_count,
            popularity.total_reviews_percentile,
            popularity.playing_users,
            games.aggregated_rating
        from games
        join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        where
            popularity.positive_share <= {{ setting("controversial_maximum_share") }}
            and popularity.total_reviews_percentile >= {{ setting("controversial_minimum_percentile") }}
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by
                        {{ rounded("controversy_score") }} desc,
                        steam_positive_count + steam_negative_count desc,
                        game_id
                ) as bigint
            ) as rank
        from scored
        where controversy_score > 0
    )

    {{ top_n_with_previous_rank("ranked", "mart_controversial_games", 100) }}

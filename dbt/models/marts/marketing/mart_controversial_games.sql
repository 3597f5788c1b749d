with
    games as ({{ rankable_games() }}),

    popularity as (select * from {{ ref("fct_game_popularity") }}),

    balances as (select * from {{ ref("int_review_balance") }}),

    scored as (
        select
            games.game_name,
            -- 1 where both sides are equally strong, 0 where all agree; times how many reviews there are
            (1 - abs(2 * balances.positive_share - 1)) * popularity.total_reviews_percentile as controversy_score,
            popularity.steam_negative_reviews,
            popularity.steam_positive_reviews,
            popularity.steam_total_reviews,
            popularity.negative_reviews_percentile,
            popularity.positive_reviews_percentile,
            popularity.total_reviews_percentile,
            popularity.igdb_total_engagement,
            games.aggregated_rating,
            games.platform_names,
            games.genre_names,
            games.first_release_date,
            games.game_summary,
            games.cover,
            games.url,
            balances.positive_share,
            games.game_id
        from games
        join popularity on games.game_id = popularity.game_id
        join balances on games.game_id = balances.game_id
        where popularity.total_reviews_percentile >= 30
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by {{ rounded("controversy_score") }} desc, steam_total_reviews desc, game_id
                ) as bigint
            ) as rank
        from scored
        where controversy_score > 0
    )

    {{ top_n_with_previous_rank("ranked", "mart_controversial_games", 100) }}

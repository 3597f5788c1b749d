with
    games as ({{ rankable_games() }}),

    ratings as (select * from {{ ref("int_game_ratings") }}),

    ranked as (
        select
            games.game_name,
            games.aggregated_rating,
            games.aggregated_rating_count,
            ratings.weighted_rating,
            games.genre_names,
            games.first_release_date,
            games.cover,
            games.url,
            games.game_id,
            cast(
                row_number() over (
                    order by
                        {{ rounded("ratings.weighted_rating") }} desc, games.aggregated_rating_count desc, games.game_id
                ) as bigint
            ) as rank
        from games
        join ratings on games.game_id = ratings.game_id
        where games.aggregated_rating_count >= 5
    )

    {{ top_n_with_previous_rank("ranked", "mart_top_rated", 50) }}

with
    games as ({{ rankable_games() }}),

    ratings as (
        select *
        from {{ ref("int_game_ratings") }}
        where critics_rating_count >= {{ setting("top_rated_minimum_ratings") }}
    ),

    -- the game itself, or the oldest of its editions if the game is not listed
    shown as (
        select
            original_game_id,
            coalesce(max(case when game_id = original_game_id then game_id end), min(game_id)) as game_id
        from games
        group by original_game_id
    ),

    editions as (
        select games.original_game_id, {{ sorted_set("array_agg(games.display_name)") }} as edition_names
        from games
        join shown on games.original_game_id = shown.original_game_id
        where games.game_id <> shown.game_id
        group by games.original_game_id
    ),

    ranked as (
        select
            games.game_id,
            ratings.weighted_critics_rating as weighted_rating,
            ratings.critics_rating as aggregated_rating,
            ratings.critics_rating_count as aggregated_rating_count,
            ratings.users_rating as rating,
            ratings.users_rating_count as rating_count,
            ratings.weighted_users_rating as weighted_user_rating,
            editions.edition_names,
            cast(
                row_number() over (
                    order by
                        {{ rounded("ratings.weighted_critics_rating") }} desc,
                        ratings.critics_rating_count desc,
                        games.game_id
                ) as bigint
            ) as rank
        from ratings
        join shown on ratings.original_game_id = shown.original_game_id
        join games on shown.game_id = games.game_id
        left join editions on ratings.original_game_id = editions.original_game_id
    )

    {{ top_n_with_previous_rank("ranked", "mart_top_rated", 50) }}

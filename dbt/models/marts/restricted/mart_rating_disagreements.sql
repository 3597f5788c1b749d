{# A person takes no mean of three users for the view of a source. #}
{% set least_ratings = 10 %}
with
    games as ({{ rankable_games() }}),

    rated as (
        select
            games.game_id,
            rawg.rawg_game_id,
            rawg.rawg_name,
            games.rating,
            games.rating_count,
            rawg.rating as rawg_rating,
            rawg.rating_of_100 as rawg_rating_of_100,
            rawg.ratings_count as rawg_ratings_count,
            rawg.rating_of_100 - games.rating as difference,
            -- of the means of so many ratings that spread by 20 points: a mean of few ratings is uncertain
            20 * sqrt(1 / cast(games.rating_count as double) + 1 / cast(rawg.ratings_count as double)) as uncertainty,
            matches.confidence as match_confidence,
            {{ attribution("rawg.rawg_url") }}
        from games
        join {{ ref("int_game_matches") }} as matches on games.game_id = matches.igdb_game_id
        join {{ ref("int_rawg_games") }} as rawg on matches.rawg_game_id = rawg.rawg_game_id
        where
            games.rating is not null
            and rawg.rating is not null
            and games.rating_count >= {{ least_ratings }}
            and rawg.ratings_count >= {{ least_ratings }}
            -- two games that are taken for one would disagree most
            and matches.confidence >= 0.9
    ),

    -- both scales differ in what users mean by them: what most games differ by is no disagreement
    typical as (select median(difference) as difference from rated),

    compared as (
        select
            rated.*,
            rated.difference - coalesce(typical.difference, 0) as unusual_difference,
            coalesce(typical.difference, 0) as typical_difference
        from rated
        cross join typical
    ),

    ranked as (
        select
            *,
            abs(unusual_difference) - 1.96 * uncertainty as sure_difference,
            cast(
                row_number() over (
                    order by {{ rounded("abs(unusual_difference) - 1.96 * uncertainty") }} desc, game_id
                ) as bigint
            ) as rank
        from compared
        where
            abs(unusual_difference) >= 3 * uncertainty
            and {{ rounded("abs(unusual_difference) - 1.96 * uncertainty") }} > 0
    )

    {{ top_n_with_previous_rank("ranked", "mart_rating_disagreements", 100) }}

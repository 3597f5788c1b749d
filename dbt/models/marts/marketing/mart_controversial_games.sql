{% set parts = [
    (0.50, "popularity.negative_reviews_percentile"),
    (0.30, "popularity.positive_reviews_percentile"),
    (0.20, "popularity.total_reviews_percentile"),
] %}

with
    games as (select * from {{ ref("dim_games") }} where is_main_game),

    popularity as (select * from {{ ref("fct_game_popularity") }})

select
    games.game_name,
    {{ weighted_mean(parts) }} as controversy_score,
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
    games.game_id,
from games
join popularity on games.game_id = popularity.game_id
where
    popularity.negative_reviews_percentile >= 40
    and popularity.positive_reviews_percentile >= 30
    and popularity.total_reviews_percentile >= 30
order by controversy_score desc, popularity.steam_total_reviews desc, games.game_id
limit 100

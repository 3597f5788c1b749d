{% set parts = [
    (0.40, "popularity.positive_reviews_percentile"),
    (0.30, "games.aggregated_rating"),
    (0.20, "(100 - popularity.engagement_percentile)"),
    (0.10, "(100 - popularity.total_reviews_percentile)"),
] %}

with
    games as (select * from {{ ref("dim_games") }} where is_main_game),

    popularity as (select * from {{ ref("fct_game_popularity") }})

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
    cast({{ known_weight(parts) }} as double) as score_evidence,
    games.game_id,
from games
join popularity on games.game_id = popularity.game_id
where
    (popularity.positive_reviews_percentile >= 50 or games.aggregated_rating >= 75)
    -- nobody can call a figure low that nobody knows, but it takes no part in the score either
    and coalesce(popularity.engagement_percentile <= 50, true)
    and coalesce(popularity.total_reviews_percentile <= 60, true)
    and coalesce(popularity.negative_reviews_percentile <= 40, true)
    and {{ known_weight(parts) }} >= {{ var("minimum_evidence") }}
order by
    hidden_score desc,
    games.aggregated_rating desc nulls last,
    popularity.positive_reviews_percentile desc nulls last,
    games.game_id
limit 100

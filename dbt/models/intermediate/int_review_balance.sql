-- IGDB sends each figure as the game's share of that figure over all games, so that positive and negative reviews
-- have different units. But for every game total = a * positive + (1 - a) * negative, where a is the share of positive
-- reviews in all reviews of all games. So a follows from any game.
with
    reviews as (
        select
            game_id,
            steam_positive_reviews as positive,
            steam_negative_reviews as negative,
            steam_total_reviews as total
        from {{ ref("fct_game_popularity") }}
        where steam_positive_reviews >= 0 and steam_negative_reviews >= 0 and steam_total_reviews >= 0
    ),

    scale as (
        -- the median, as single games round; a half if the figures do not bear the sum out at all
        select case when a > 0 and a < 1 then a else 0.5 end as positive_weight
        from (select median((total - negative) / nullif(positive - negative, 0)) as a from reviews)
    )

select
    reviews.game_id,
    positive_weight
    * reviews.positive
    / nullif(positive_weight * reviews.positive + (1 - positive_weight) * reviews.negative, 0) as positive_share
from reviews
cross join scale

with
    rated as (
        select *
        from {{ ref("dim_games") }}
        where is_main_game and aggregated_rating is not null and aggregated_rating_count > 0
    ),

    prior as (
        select
            -- summed as decimals: a sum of floats would differ in its last bits from build to build
            cast(sum(cast(aggregated_rating as decimal(28, 12))) as double) / count(*) as mean_rating,
            greatest(
                percentile_cont(0.25) within group (order by aggregated_rating_count), {{ var("rating_prior_votes") }}
            ) as votes,
        from rated
    )

select
    rated.game_name,
    rated.aggregated_rating,
    rated.aggregated_rating_count,
    (rated.aggregated_rating_count * rated.aggregated_rating + prior.votes * prior.mean_rating)
    / (rated.aggregated_rating_count + prior.votes) as weighted_rating,
    rated.genre_names,
    rated.first_release_date,
    rated.cover,
    rated.url,
    rated.game_id,
from rated
cross join prior
where rated.aggregated_rating_count >= 5
order by weighted_rating desc, rated.aggregated_rating_count desc, rated.game_id
limit 50

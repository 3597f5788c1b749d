with
    rated as (
        select game_id, aggregated_rating, aggregated_rating_count
        from ({{ rankable_games() }})
        where aggregated_rating is not null and aggregated_rating_count > 0
    ),

    prior as (
        select
            -- summed as decimals: a sum of floats would differ in its last bits from build to build
            cast(sum(cast(aggregated_rating as decimal(28, 12))) as double) / count(*) as mean_rating,
            greatest(
                percentile_cont(0.25) within group (order by aggregated_rating_count),
                {{ setting("rating_prior_votes") }}
            ) as votes
        from rated
    )

select
    rated.game_id,
    (rated.aggregated_rating_count * rated.aggregated_rating + prior.votes * prior.mean_rating)
    / (rated.aggregated_rating_count + prior.votes) as weighted_rating
from rated
cross join prior

{% set kinds = {"critics": ("aggregated_rating", "aggregated_rating_count"), "users": ("rating", "rating_count")} %}

with
    ratings as (
        select
            original_game_id,
            {% for kind, (rating, count) in kinds.items() %}
                case
                    when {{ rating }} is not null and {{ count }} > 0 then cast({{ rating }} as decimal(9, 6))
                end as {{ kind }}_rating,
                case
                    when {{ rating }} is not null and {{ count }} > 0 then least({{ count }}, 1000000)
                end as {{ kind }}_count {{ "," if not loop.last }}
            {% endfor %}
        from ({{ rankable_games() }}) as games
    ),

    -- sums of decimals: a sum of floats would differ in its last bits from build to build
    works as (
        select
            original_game_id,
            {% for kind in kinds %}
                cast(sum({{ kind }}_rating * cast({{ kind }}_count as decimal(7, 0))) as double)
                / sum({{ kind }}_count) as {{ kind }}_rating,
                cast(sum({{ kind }}_count) as bigint) as {{ kind }}_rating_count {{ "," if not loop.last }}
            {% endfor %}
        from ratings
        group by original_game_id
    ),

    priors as (
        select
            {% for kind in kinds %}
                cast(sum(cast({{ kind }}_rating as decimal(28, 12))) as double)
                / count({{ kind }}_rating) as {{ kind }}_mean,
                greatest(
                    percentile_cont(0.25) within group (order by {{ kind }}_rating_count),
                    {{ setting("rating_prior_votes") }}
                ) as {{ kind }}_votes {{ "," if not loop.last }}
            {% endfor %}
        from works
    )

select
    works.original_game_id,
    {% for kind in kinds %}
        works.{{ kind }}_rating,
        works.{{ kind }}_rating_count,
        (works.{{ kind }}_rating_count * works.{{ kind }}_rating + priors.{{ kind }}_votes * priors.{{ kind }}_mean) / (
            works.{{ kind }}_rating_count + priors.{{ kind }}_votes
        ) as weighted_{{ kind }}_rating {{ "," if not loop.last }}
    {% endfor %}
from works
cross join priors

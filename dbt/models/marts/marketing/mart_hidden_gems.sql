{% set parts = [
    (0.60, "100 * loved.positive_share_low"),
    (0.20, "ratings.weighted_users_rating"),
    (0.20, "ratings.weighted_critics_rating"),
] %}
{% set reaches = [
    "visits_percentile",
    "playing_percentile",
    "played_percentile",
    "total_reviews_percentile",
    "peak_players_percentile",
    "twitch_percentile",
] %}

with
    games as ({{ rankable_games() }}),

    reviewed as (
        select
            *,
            steam_positive_count + steam_negative_count as reviews,
            greatest(
                {% for reach in reaches %}coalesce({{ reach }}, 0) {{ "," if not loop.last }} {% endfor %}
            ) as reach_percentile
        from {{ ref("fct_game_popularity") }}
        -- who is among the top sellers is not hidden
        where steam_global_top_sellers is null and total_reviews_percentile is not null
    ),

    loved as (
        select *, {{ wilson_lower_bound("positive_share", "reviews") }} as positive_share_low
        from reviewed
        where
            reviews >= {{ setting("hidden_minimum_reviews") }}
            and reach_percentile <= {{ setting("hidden_maximum_reach") }}
    ),

    scored as (
        select
            games.game_id,
            0.75 * ({{ weighted_mean(parts) }}) + 0.25 * (100 - loved.reach_percentile) as hidden_score,
            {{ weighted_mean(parts) }} as quality_score,
            loved.positive_share_low,
            loved.positive_share,
            loved.steam_positive_count,
            loved.steam_negative_count,
            loved.steam_review_count,
            ratings.weighted_critics_rating as weighted_rating,
            ratings.weighted_users_rating as weighted_user_rating,
            ratings.critics_rating_count as aggregated_rating_count,
            ratings.users_rating_count as rating_count,
            loved.reach_percentile,
            loved.visit_count,
            loved.playing_users,
            loved.played_users
        from games
        join loved on games.game_id = loved.game_id
        join {{ ref("int_game_ratings") }} as ratings on games.original_game_id = ratings.original_game_id
        where loved.positive_share_low >= {{ setting("hidden_minimum_share") }}
    ),

    ranked as (
        select
            *,
            cast(
                row_number() over (
                    order by
                        {{ rounded("hidden_score") }} desc, steam_positive_count + steam_negative_count desc, game_id
                ) as bigint
            ) as rank
        from scored
    )

    {{ top_n_with_previous_rank("ranked", "mart_hidden_gems", 100) }}

with
    games as ({{ rankable_games() }}),

    makers as (
        select distinct game_id, company_id
        from {{ ref("bridge_game_company") }}
        where role in ('developer', 'publisher')
    ),

    sums as (
        select
            makers.company_id,
            count(*) as games,
            count(
                case
                    when
                        games.release_date_precision = 'day'
                        and games.first_release_date < run.day + interval 1 day
                        and games.first_release_date >= run.day - interval 363 day
                    then 1
                end
            ) as releases_52w,
            count(
                case when games.aggregated_rating is not null and games.aggregated_rating_count > 0 then 1 end
            ) as rated_games,
            cast(
                sum(
                    case when games.aggregated_rating_count > 0 then cast(games.aggregated_rating as decimal(9, 6)) end
                ) as double
            ) as sum_of_ratings,
            cast(sum(popularity.playing_users) as bigint) as playing_users,
            cast(sum(popularity.playing_gained_7d) as bigint) as playing_gained_7d,
            cast(sum(popularity.played_users) as bigint) as played_users,
            cast(sum(popularity.want_to_play_users) as bigint) as want_to_play_users
        from makers
        join games on makers.game_id = games.game_id
        cross join {{ ref("stg_run") }} as run
        left join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        group by makers.company_id
    ),

    ranked as (
        select
            companies.company_id,
            companies.company_name,
            companies.display_name,
            companies.country,
            companies.country_code,
            companies.country_name,
            companies.parent_company_name,
            sums.games,
            sums.releases_52w,
            sums.rated_games,
            sums.sum_of_ratings / nullif(sums.rated_games, 0) as mean_aggregated_rating,
            sums.playing_users,
            sums.playing_gained_7d,
            sums.played_users,
            sums.want_to_play_users,
            companies.url,
            cast(
                row_number() over (
                    order by sums.playing_users desc nulls last, sums.games desc, companies.company_id
                ) as bigint
            ) as rank
        from sums
        join {{ ref("dim_companies") }} as companies on sums.company_id = companies.company_id
        where companies.company_name is not null
    )

    {{ top_n_with_previous_rank("ranked", "mart_companies", 500, key="cast(ranked.company_id as string)") }}

{% set points = match_points() %}

with
    pairs as (select * from {{ ref("int_game_match_pairs") }}),

    igdb_dates as (
        select distinct pairs.igdb_game_id, pairs.rawg_game_id, pairs.rawg_released, dates.day, dates.year
        from pairs
        join
            (
                select
                    game_id,
                    case when date_format = 0 then cast(released_at as date) end as day,
                    coalesce(year, year(released_at)) as year
                from ({{ release_dates() }}) as releases
            ) as dates
            on pairs.igdb_game_id = dates.game_id
        where pairs.rawg_released is not null
        union
        select
            igdb_game_id,
            rawg_game_id,
            rawg_released,
            case when coalesce(release_date_precision, 'day') = 'day' then igdb_released end as day,
            year(igdb_released) as year
        from pairs
        where rawg_released is not null and igdb_released is not null
    ),

    -- the date of IGDB that is nearest counts: RAWG may have that of another platform
    dates as (
        select
            igdb_game_id,
            rawg_game_id,
            min(
                case
                    when rawg_released between day - 7 and day + 7
                    then 1
                    when rawg_released between day - 31 and day + 31
                    then 2
                    when year = year(rawg_released)
                    then 3
                    when abs(year - year(rawg_released)) = 1
                    then 4
                    when year is not null
                    then 5
                end
            ) as distance
        from igdb_dates
        group by igdb_game_id, rawg_game_id
    ),

    -- without a page in a store, games of other years are not the same: nothing more is looked for
    possible as (
        select pairs.*, dates.distance
        from pairs
        left join dates on pairs.igdb_game_id = dates.igdb_game_id and pairs.rawg_game_id = dates.rawg_game_id
        where coalesce(dates.distance, 0) < 5 or pairs.same_pages is not null or pairs.is_decided
    ),

    platforms_of_both as ({{ platforms_of_both() }}),

    igdb_platforms as (
        select distinct possible.igdb_game_id, possible.rawg_game_id, platforms_of_both.rawg_id as id
        from possible
        cross join lateral unnest(possible.igdb_platforms) as platforms(id)
        join platforms_of_both on platforms.id = platforms_of_both.igdb_id
    ),

    rawg_platforms as (
        select possible.igdb_game_id, possible.rawg_game_id, platforms.id
        from possible
        cross join lateral unnest(possible.rawg_platforms) as platforms(id)
    ),

    platforms as (
        select
            igdb.igdb_game_id, igdb.rawg_game_id, count(distinct case when igdb.id = rawg.id then igdb.id end) as shared
        from igdb_platforms as igdb
        join rawg_platforms as rawg on igdb.igdb_game_id = rawg.igdb_game_id and igdb.rawg_game_id = rawg.rawg_game_id
        group by igdb.igdb_game_id, igdb.rawg_game_id
    ),

    igdb_names as (
        select possible.igdb_game_id, possible.rawg_game_id, names.name
        from possible
        cross join lateral unnest(possible.igdb_developers) as names(name)
        union
        select possible.igdb_game_id, possible.rawg_game_id, names.name
        from possible
        cross join lateral unnest(possible.igdb_publishers) as names(name)
    ),

    rawg_names as (
        select possible.igdb_game_id, possible.rawg_game_id, names.name
        from possible
        cross join lateral unnest(possible.rawg_developers) as names(name)
        union
        select possible.igdb_game_id, possible.rawg_game_id, names.name
        from possible
        cross join lateral unnest(possible.rawg_publishers) as names(name)
    ),

    igdb_companies as (
        select igdb_names.igdb_game_id, igdb_names.rawg_game_id, igdb_names.name, keys.key
        from igdb_names
        join ({{ company_keys("igdb_names") }}) as keys on igdb_names.name = keys.name
    ),

    rawg_companies as (
        select rawg_names.igdb_game_id, rawg_names.rawg_game_id, keys.key
        from rawg_names
        join ({{ company_keys("rawg_names") }}) as keys on rawg_names.name = keys.name
    ),

    companies as (
        select
            igdb.igdb_game_id,
            igdb.rawg_game_id,
            count(distinct case when igdb.key = rawg.key then igdb.key end) as shared,
            {{ sorted_set("array_agg(case when igdb.key = rawg.key then igdb.name end)") }} as names
        from igdb_companies as igdb
        join rawg_companies as rawg on igdb.igdb_game_id = rawg.igdb_game_id and igdb.rawg_game_id = rawg.rawg_game_id
        group by igdb.igdb_game_id, igdb.rawg_game_id
    ),

    shared_words as (
        select igdb.igdb_game_id, igdb.rawg_game_id, count(*) as words
        from ({{ words_of_pairs("igdb_name") }}) as igdb
        join
            ({{ words_of_pairs("rawg_name") }}) as rawg
            on igdb.igdb_game_id = rawg.igdb_game_id
            and igdb.rawg_game_id = rawg.rawg_game_id
            and igdb.word = rawg.word
        group by igdb.igdb_game_id, igdb.rawg_game_id
    ),

    facts as (
        select
            possible.*,
            case
                when possible.is_same_name
                then 'same_name'
                when possible.is_known_name
                then 'other_name'
                when shared_words.words >= 2
                then 'similar_name'
                else 'no_name'
            end as name_fact,
            lower(possible.igdb_name) = lower(possible.rawg_name) as is_spelled_alike,
            case
                possible.distance
                when 1
                then 'day'
                when 2
                then 'month'
                when 3
                then 'year'
                when 4
                then 'next_year'
                when 5
                then 'other_year'
            end as date_fact,
            case
                when platforms.shared > 0 then 'same_platform' when platforms.shared = 0 then 'other_platforms'
            end as platform_fact,
            case
                when companies.shared > 0 then 'same_company' when companies.shared = 0 then 'other_companies'
            end as company_fact,
            companies.names as same_companies,
            platforms.shared as same_platforms
        from possible
        left join
            platforms
            on possible.igdb_game_id = platforms.igdb_game_id
            and possible.rawg_game_id = platforms.rawg_game_id
        left join
            companies
            on possible.igdb_game_id = companies.igdb_game_id
            and possible.rawg_game_id = companies.rawg_game_id
        left join
            shared_words
            on possible.igdb_game_id = shared_words.igdb_game_id
            and possible.rawg_game_id = shared_words.rawg_game_id
    ),

    weighed as (
        select
            *,
            {{ points_of("name_fact", ["same_name", "other_name", "similar_name", "no_name"]) }}
            + {{ points_of("date_fact", ["day", "month", "year", "next_year", "other_year"]) }}
            + {{ points_of("platform_fact", ["same_platform", "other_platforms"]) }}
            + {{ points_of("company_fact", ["same_company", "other_companies"]) }}
            + case when is_spelled_alike then {{ points.spelled_alike }} else 0 end
            + case when same_pages is not null then {{ points.same_store }} else 0 end
            + case when is_other_steam_app then {{ points.other_steam_app }} else 0 end
            + cast(floor(log2(coalesce(games_of_name, 1))) as bigint) * {{ points.common_name }} as points
        from facts
    ),

    -- whole powers of two have the same sum in any order
    likely as (select *, power(2, points) as odds from weighed),

    judged as (
        select
            *,
            case
                when is_decided
                then 1
                else
                    odds / (
                        1
                        + sum(odds) over (partition by igdb_game_id)
                        + sum(odds) over (partition by rawg_game_id)
                        - odds
                    )
            end as probability
        from likely
    )

select
    igdb_game_id,
    rawg_game_id,
    case
        when is_decided
        then 'decision'
        when same_pages is not null
        then 'store_id'
        when is_same_slug
        then 'slug'
        when is_same_name
        then 'name'
        else 'other_name'
    end as method,
    round(probability, 4) as confidence,
    concat_ws(
        '; ',
        case when is_decided then concat_ws(': ', 'decided by hand', {{ text("reason") }}) end,
        'same page: ' || {{ joined("same_pages") }},
        case when is_other_steam_app then 'another app at Steam' end,
        case when is_same_slug then 'same slug' end,
        case
            name_fact
            when 'same_name'
            then case when is_spelled_alike then 'same name' else 'same name, spelled in another way' end
            when 'other_name'
            then 'a name in common'
            when 'similar_name'
            then 'words of the name in common'
            else 'other names'
        end,
        case when games_of_name > 1 then games_of_name || ' games of IGDB have it' end,
        case
            date_fact
            when 'day'
            then 'released within 7 days'
            when 'month'
            then 'released within 31 days'
            when 'year'
            then 'released in the same year'
            when 'next_year'
            then 'released a year apart'
            when 'other_year'
            then 'released years apart'
            else 'a release date is unknown'
        end,
        case
            platform_fact
            when 'same_platform'
            then 'platforms in common: ' || same_platforms
            when 'other_platforms'
            then 'other platforms'
        end,
        case
            company_fact
            when 'same_company'
            then 'companies in common: ' || {{ joined("same_companies") }}
            when 'other_companies'
            then 'other companies'
        end
    ) as evidence,
    points
from judged
-- more likely than all other pairs of both games, and than none: so each game is in one pair at most
where probability > 0.5

{# More games of one name tell nothing apart, and all their pairs would only make the night long. #}
{% set most_games_of_a_name = 50 %}

with
    rawg_games as (
        select
            games.id,
            games.name,
            games.slug,
            games.released,
            games.platforms,
            details.name_original,
            details.alternative_names,
            details.developer_names,
            details.publisher_names
        from {{ ref("stg_rawg__games") }} as games
        left join {{ ref("stg_rawg__game_details") }} as details on games.id = details.id
        where coalesce(not details.is_missing, true)
    ),

    -- without games of RAWG there is nothing to do for those of IGDB
    igdb_games as (select * from {{ ref("dim_games") }} where exists (select 1 from {{ ref("stg_rawg__games") }})),

    rawg_names as (
        select id, 'name' as kind, name
        from rawg_games
        union all
        select id, 'slug' as kind, {{ slug_as_name("slug") }} as name
        from rawg_games
        union all
        select id, 'other' as kind, name_original as name
        from rawg_games
        union all
        select rawg_games.id, 'other' as kind, names.name
        from rawg_games
        cross join lateral unnest(rawg_games.alternative_names) as names(name)
    ),

    igdb_names as (
        select game_id as id, 'name' as kind, game_name as name
        from igdb_games
        union all
        select game_id as id, 'slug' as kind, {{ slug_as_name("game_slug") }} as name
        from igdb_games
        union all
        select igdb_games.game_id as id, 'other' as kind, titles.name
        from {{ ref("stg_igdb__game_localizations") }} as titles
        join igdb_games on titles.game_id = igdb_games.game_id
    ),

    -- a condition on the key itself would work out each key twice
    rawg_keys as (
        select key, id, max(case when kind = 'name' then 1 else 0 end) as is_name
        from ({{ name_keys("rawg_names") }}) as keyed
        group by key, id
        having max(length(key)) > 0
    ),

    igdb_keys as (
        select key, id, max(case when kind = 'name' then 1 else 0 end) as is_name
        from ({{ name_keys("igdb_names") }}) as keyed
        group by key, id
        having max(length(key)) > 0
    ),

    rawg_key_counts as (select key, count(*) as games from rawg_keys group by key),

    igdb_key_counts as (select key, count(*) as games from igdb_keys group by key),

    same_names as (
        select
            igdb_keys.id as igdb_game_id,
            rawg_keys.id as rawg_game_id,
            max(igdb_keys.is_name * rawg_keys.is_name) = 1 as is_same_name,
            min(igdb_key_counts.games) as games_of_name
        from rawg_keys
        join igdb_keys on rawg_keys.key = igdb_keys.key
        join rawg_key_counts on rawg_keys.key = rawg_key_counts.key
        join igdb_key_counts on igdb_keys.key = igdb_key_counts.key
        where
            rawg_key_counts.games <= {{ most_games_of_a_name }} and igdb_key_counts.games <= {{ most_games_of_a_name }}
        group by igdb_keys.id, rawg_keys.id
    ),

    igdb_pages as (
        {% for store in stores_of_both() %}
            select game_id, {{ store.rawg }} as store_id, {{ store.name | lower }}_url as url
            from igdb_games
            union all
        {% endfor %}
        select
            game_id,
            case
                external_game_source
                {% for store in stores_of_both() %} when {{ store.igdb }} then {{ store.rawg }} {% endfor %}
            end as store_id,
            coalesce(url, 'https://store.steampowered.com/app/' || steam_app_id) as url
        from {{ ref("stg_igdb__external_games") }}
    ),

    igdb_store_keys as (
        select distinct game_id, store_id, {{ store_key("store_id", "url") }} as key
        from igdb_pages
        where url is not null
    ),

    rawg_store_keys as (
        select distinct game_id, store_id, {{ store_key("store_id", "url") }} as key
        from {{ ref("stg_rawg__game_stores") }}
        where url is not null
    ),

    same_pages as (
        select
            igdb.game_id as igdb_game_id,
            rawg.game_id as rawg_game_id,
            max(case when rawg.store_id = 1 then 1 else 0 end) as is_same_app,
            {{ sorted_set("array_agg(" ~ store_page("rawg.store_id", "rawg.key") ~ ")") }} as pages
        from rawg_store_keys as rawg
        join igdb_store_keys as igdb on rawg.store_id = igdb.store_id and rawg.key = igdb.key
        where rawg.key <> ''
        group by igdb.game_id, rawg.game_id
    ),

    -- both are at Steam
    steam_pairs as (
        select distinct same_names.igdb_game_id, same_names.rawg_game_id
        from same_names
        join rawg_store_keys as rawg on same_names.rawg_game_id = rawg.game_id
        join igdb_store_keys as igdb on same_names.igdb_game_id = igdb.game_id
        where rawg.store_id = 1 and rawg.key <> '' and igdb.store_id = 1 and igdb.key <> ''
    ),

    -- of games that are there
    decisions as (
        select
            igdb_games.game_id as igdb_game_id,
            rawg_games.id as rawg_game_id,
            max(case when lower(trim(decisions.decision)) = 'same' then 1 else 0 end) as is_same,
            max(case when lower(trim(decisions.decision)) = 'different' then 1 else 0 end) as is_different,
            min(decisions.reason) as reason
        from {{ ref("game_match_decisions") }} as decisions
        join igdb_games on try_cast(decisions.igdb_game_id as bigint) = igdb_games.game_id
        join rawg_games on try_cast(decisions.rawg_game_id as bigint) = rawg_games.id
        group by igdb_games.game_id, rawg_games.id
    ),

    -- a decision that another one contradicts does not count
    decided as (
        select igdb_game_id, rawg_game_id, reason
        from
            (
                select
                    *,
                    count(*) over (partition by igdb_game_id) as decisions_of_igdb,
                    count(*) over (partition by rawg_game_id) as decisions_of_rawg
                from decisions
                where is_same = 1
            ) as same
        where is_different = 0 and decisions_of_igdb = 1 and decisions_of_rawg = 1
    ),

    pairs as (
        select igdb_game_id, rawg_game_id
        from same_names
        union
        select igdb_game_id, rawg_game_id
        from same_pages
        union
        select igdb_game_id, rawg_game_id
        from decided
    )

select
    pairs.igdb_game_id,
    pairs.rawg_game_id,
    decided.igdb_game_id is not null as is_decided,
    decided.reason,
    igdb_games.game_name as igdb_name,
    rawg_games.name as rawg_name,
    {{ slug_as_name("igdb_games.game_slug") }} = {{ slug_as_name("rawg_games.slug") }} as is_same_slug,
    same_names.igdb_game_id is not null as is_known_name,
    coalesce(same_names.is_same_name, false) as is_same_name,
    same_names.games_of_name,
    same_pages.pages as same_pages,
    steam_pairs.igdb_game_id is not null and coalesce(same_pages.is_same_app, 0) = 0 as is_other_steam_app,
    cast(igdb_games.first_release_date as date) as igdb_released,
    igdb_games.release_date_precision,
    rawg_games.released as rawg_released,
    igdb_games.platform_ids as igdb_platforms,
    rawg_games.platforms as rawg_platforms,
    igdb_games.developer_names as igdb_developers,
    igdb_games.publisher_names as igdb_publishers,
    rawg_games.developer_names as rawg_developers,
    rawg_games.publisher_names as rawg_publishers
from pairs
join igdb_games on pairs.igdb_game_id = igdb_games.game_id
join rawg_games on pairs.rawg_game_id = rawg_games.id
left join same_names on pairs.igdb_game_id = same_names.igdb_game_id and pairs.rawg_game_id = same_names.rawg_game_id
left join same_pages on pairs.igdb_game_id = same_pages.igdb_game_id and pairs.rawg_game_id = same_pages.rawg_game_id
left join steam_pairs on pairs.igdb_game_id = steam_pairs.igdb_game_id and pairs.rawg_game_id = steam_pairs.rawg_game_id
left join decided on pairs.igdb_game_id = decided.igdb_game_id and pairs.rawg_game_id = decided.rawg_game_id
left join
    decisions as refused
    on pairs.igdb_game_id = refused.igdb_game_id
    and pairs.rawg_game_id = refused.rawg_game_id
    and refused.is_different = 1
left join decided as decided_igdb on pairs.igdb_game_id = decided_igdb.igdb_game_id
left join decided as decided_rawg on pairs.rawg_game_id = decided_rawg.rawg_game_id
where
    refused.igdb_game_id is null
    and (decided_igdb.igdb_game_id is null or decided_igdb.rawg_game_id = pairs.rawg_game_id)
    and (decided_rawg.rawg_game_id is null or decided_rawg.igdb_game_id = pairs.igdb_game_id)

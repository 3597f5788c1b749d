with
    current_rows as ({{ current_rows("rawg", "game_stores") }}),

    game_rows as (
        select
            id as game_id,
            items,
            {{ json_list("items", {"store_id": "bigint", "url": "varchar"}) }} as links,
            {{ utc("updated_at") }} as updated_at
        from current_rows
    ),

    links as (
        select
            game_rows.game_id,
            links.link.store_id as store_id,
            {{ text("links.link.url") }} as url,
            game_rows.updated_at
        from game_rows
        cross join lateral unnest(game_rows.links) as links(link)
        union all
        -- seen, and not read
        select game_id, cast(null as bigint) as store_id, cast(null as {{ dbt.type_string() }}) as url, updated_at
        from game_rows
        where items is not null and links is null
    )

select
    game_id,
    -- engines differ in where they sort nulls
    row_number() over (partition by game_id order by store_id nulls last, url nulls last) as place,
    store_id,
    url,
    case when store_id = 1 then {{ steam_app("url", "/app/([1-9][0-9]{0,9})([^0-9]|$)") }} end as steam_app_id,
    updated_at
from links

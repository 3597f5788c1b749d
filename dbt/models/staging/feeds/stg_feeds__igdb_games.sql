with
    lines as (
        select *, cast({{ json_member("source", "ts_ms") }} as bigint) as ts_ms from {{ source("feeds", "igdb_games") }}
    )

select
    version,
    id as game_id,
    case op when 'c' then 'created' when 'd' then 'deleted' else 'updated' end as change,
    coalesce(
        {{ text(json_member_named("after", "'name'")) }}, {{ text(json_member_named("before", "'name'")) }}
    ) as game_name,
    before,
    after,
    changed as changed_fields,
    {{ utc("cast(floor(ts_ms / 1000) as bigint)") }} as changed_at
from lines

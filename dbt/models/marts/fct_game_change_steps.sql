select
    to_version,
    from_version,
    day,
    committed_at,
    is_known,
    created as games_created,
    updated as games_updated,
    deleted as games_deleted,
    reason
from {{ ref("stg_feed_steps") }}

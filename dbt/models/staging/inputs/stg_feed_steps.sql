select
    source,
    entity,
    from_version,
    to_version,
    cast(left(partition, 10) as date) as day,
    {{ without_zone("committed_at") }} as committed_at,
    is_known,
    created,
    updated,
    deleted,
    reason
from {{ source("inputs", "feed_steps") }}

select
    source,
    entity,
    version,
    cast(left(partition, 10) as date) as day,
    cast(newest_day as date) as newest_day,
    cursor,
    source_count,
    row_count
from {{ source("inputs", "sources") }}

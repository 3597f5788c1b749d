select entity, version, cast(partition as date) as day, {{ utc("watermark") }} as watermark, source_count, row_count
from {{ source("inputs", "sources") }}

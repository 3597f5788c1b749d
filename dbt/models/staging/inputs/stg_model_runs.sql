-- The two have no day in common: the generation before has the builds before its own day.
with
    newer as (
        select
            generation,
            attempt,
            day,
            {{ without_zone("built_at") }} as built_at,
            name,
            kind,
            status,
            seconds,
            rows,
            bytes_read,
            cpu_seconds,
            memory_bytes,
            spilled_bytes
        from {{ source("inputs", "model_runs") }}
    ),

    earlier as (
        select
            generation,
            attempt,
            day,
            built_at,
            name,
            kind,
            status,
            seconds,
            rows,
            bytes_read,
            cpu_seconds,
            memory_bytes,
            spilled_bytes
        from {{ source("inputs", "previous_model_runs") }}
    )

select *
from newer
union all
select *
from earlier

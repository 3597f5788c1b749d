select day, run_id from {{ source("inputs", "run") }}

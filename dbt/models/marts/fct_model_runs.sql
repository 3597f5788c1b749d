select runs.*
from {{ ref("stg_model_runs") }} as runs
cross join {{ ref("stg_run") }} as run
where runs.day >= run.day - 400

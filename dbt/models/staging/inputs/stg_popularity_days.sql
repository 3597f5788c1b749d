select day, is_built, staged_rows, superseded_rows, void_rows from {{ source("inputs", "days") }}

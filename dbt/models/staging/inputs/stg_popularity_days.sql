select day from {{ source("inputs", "days") }}

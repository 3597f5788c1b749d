select mart, key, rank, day from {{ source("inputs", "previous_ranks") }}

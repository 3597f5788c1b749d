select mart, key, rank from {{ source("inputs", "previous_ranks") }}

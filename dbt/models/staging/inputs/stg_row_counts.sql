select source, entity, day, current_rows, superseded_rows, voided_rows from {{ source("inputs", "row_counts") }}

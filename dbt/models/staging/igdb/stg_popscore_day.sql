with current_rows as ({{ current_rows("popscore", by_partition=true) }}) {{ describe_popularity("current_rows") }}

with
    current_rows as ({{ current_rows("popscore_newest", entity="popscore", by_partition=true) }})

    {{ describe_popularity("current_rows") }}

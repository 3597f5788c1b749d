with
    current_rows as ({{ current_rows("igdb", "popscore_newest", entity="popscore", by_partition=true) }})

    {{ describe_popularity("current_rows") }}

with
    current_rows as (
        {{ current_rows("igdb", "popscore", by_partition=true) }}
    ) {{ describe_popularity("current_rows") }}

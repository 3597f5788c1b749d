with
    fates as (
        {% for current in current_tables() %}
            select '{{ current.entity }}' as entity, _ordinal as ordinal, {{ counts_of_fates() }}
            from
                (
                    {{
                        fates_of_rows(
                            ref("base_game_rows") if current.table == "games" else source("raw", current.table),
                            current.entity,
                            current.by_partition,
                        )
                    }}
                )
            group by all {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    -- of a time series only the newest day is read
    read_files as (
        select *
        from {{ source("inputs", "files") }}
        where
            is_newest
            or entity in (
                {% for current in current_tables() if not current.by_partition %}
                    '{{ current.entity }}'{{ "," if not loop.last }}
                {% endfor %}
            )
    )

select
    files.entity,
    files.ordinal,
    cast(files.partition as date) as day,
    files.rows as file_rows,
    coalesce(fates.staged_rows, 0) as staged_rows,
    coalesce(fates.superseded_rows, 0) as superseded_rows,
    coalesce(fates.void_rows, 0) as void_rows
from read_files as files
left join fates on files.entity = fates.entity and files.ordinal = fates.ordinal

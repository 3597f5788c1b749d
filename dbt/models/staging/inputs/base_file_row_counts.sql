with
    counts as (
        {% for current in current_tables() %}
            select
                '{{ current.source }}' as source,
                '{{ current.entity }}' as entity,
                _ordinal as ordinal,
                {{ count_by_status() }}
            from
                (
                    {{
                        row_status(
                            file_rows(current.source, current.table),
                            current.source,
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
            or (source, entity) in (
                {% for current in current_tables() if not current.by_partition %}
                    ('{{ current.source }}', '{{ current.entity }}'){{ "," if not loop.last }}
                {% endfor %}
            )
    )

select
    files.source,
    files.entity,
    files.ordinal,
    cast(left(files.partition, 10) as date) as day,
    files.rows as file_rows,
    coalesce(counts.current_rows, 0) as current_rows,
    coalesce(counts.superseded_rows, 0) as superseded_rows,
    coalesce(counts.voided_rows, 0) as voided_rows
from read_files as files
left join counts on files.source = counts.source and files.entity = counts.entity and files.ordinal = counts.ordinal

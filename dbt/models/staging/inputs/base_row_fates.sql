with
    fates as (
        {% for current in current_tables() %}
            select
                '{{ current.source }}' as source,
                '{{ current.entity }}' as entity,
                _ordinal as ordinal,
                {{ counts_of_fates() }}
            from
                (
                    {{
                        fates_of_rows(
                            (
                                ref("base_igdb__game_rows")
                                if (current.source, current.table) == ("igdb", "games")
                                else source(current.source, current.table)
                            ),
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
    cast(files.partition as date) as day,
    files.rows as file_rows,
    coalesce(fates.staged_rows, 0) as staged_rows,
    coalesce(fates.superseded_rows, 0) as superseded_rows,
    coalesce(fates.void_rows, 0) as void_rows
from read_files as files
left join fates on files.source = fates.source and files.entity = fates.entity and files.ordinal = fates.ordinal

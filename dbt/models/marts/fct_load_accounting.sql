-- depends_on: {{ ref("fct_game_popularity_daily") }}
-- which adds the days that it builds to the row counts
with
    read_days as (
        select
            source,
            entity,
            day,
            count(*) as files,
            sum(file_rows) as file_rows,
            sum(current_rows) as current_rows,
            sum(superseded_rows) as superseded_rows,
            sum(voided_rows) as voided_rows
        from {{ ref("base_file_row_counts") }}
        group by all
    ),

    -- Past days of the history: the counts that were stored when the day was built. Their parts may not be read again.
    past_days as (
        select
            counts.source,
            counts.entity,
            counts.day,
            cast(null as bigint) as files,
            counts.current_rows + counts.superseded_rows + counts.voided_rows as file_rows,
            counts.current_rows,
            counts.superseded_rows,
            counts.voided_rows
        from {{ ref("stg_row_counts") }} as counts
        join {{ ref("stg_loads") }} as loads on counts.source = loads.source and counts.entity = loads.entity
        where counts.day <> loads.newest_day
    ),

    days as (
        select *
        from read_days
        union all
        select *
        from past_days
    ),

    -- A rejected row is in no file. The commit has the count of the source and that of the table.
    loads as (
        select source, entity, day, greatest(source_count - row_count, 0) as rejected_rows from {{ ref("stg_loads") }}
    ),

    unnamed as (
        select 'igdb' as source, 'games' as entity, cast(_partition as date) as day, count(*) as unnamed_rows
        from {{ ref("stg_igdb__games") }}
        where name is null
        group by _partition
    )

select
    source,
    entity,
    day,
    coalesce(days.files, 0) as files,
    cast(coalesce(days.file_rows, 0) + coalesce(loads.rejected_rows, 0) as bigint) as raw_rows,
    cast(coalesce(days.current_rows, 0) as bigint) as current_rows,
    cast(coalesce(days.superseded_rows, 0) as bigint) as superseded_rows,
    cast(coalesce(days.voided_rows, 0) as bigint) as voided_rows,
    coalesce(loads.rejected_rows, 0) as rejected_rows,
    coalesce(unnamed.unnamed_rows, 0) as unnamed_rows
from days
full join loads using (source, entity, day)
left join unnamed using (source, entity, day)

with
    read_days as (
        select
            source,
            entity,
            day,
            count(*) as files,
            sum(file_rows) as file_rows,
            sum(staged_rows) as staged_rows,
            sum(superseded_rows) as superseded_rows,
            sum(void_rows) as void_rows
        from {{ ref("base_row_fates") }}
        group by all
    ),

    -- of a past day of the history its build says it, as its parts are not read again
    past_days as (
        select
            'igdb' as source,
            'popscore' as entity,
            day,
            cast(null as bigint) as files,
            staged_rows + superseded_rows + void_rows as file_rows,
            staged_rows,
            superseded_rows,
            void_rows
        from {{ ref("stg_popularity_days") }}
        where
            is_built
            and day <> (select newest_day from {{ ref("stg_loads") }} where source = 'igdb' and entity = 'popscore')
    ),

    days as (
        select *
        from read_days
        union all
        select *
        from past_days
    ),

    -- What a load rejected is a row of no file. Its manifest says how many rows the source had, and the table has.
    loads as (
        select source, entity, day, greatest(source_count - row_count, 0) as rejected_rows from {{ ref("stg_loads") }}
    ),

    unnamed as (
        select 'igdb' as source, 'games' as entity, day, count(*) as unnamed_rows
        from {{ ref("base_igdb__games") }}
        where name is null
        group by day
    )

select
    source,
    entity,
    day,
    coalesce(days.files, 0) as files,
    cast(coalesce(days.file_rows, 0) + coalesce(loads.rejected_rows, 0) as bigint) as raw_rows,
    cast(coalesce(days.staged_rows, 0) as bigint) as staged_rows,
    cast(coalesce(days.superseded_rows, 0) as bigint) as superseded_rows,
    cast(coalesce(days.void_rows, 0) as bigint) as void_rows,
    coalesce(loads.rejected_rows, 0) as rejected_rows,
    coalesce(unnamed.unnamed_rows, 0) as unnamed_rows
from days
full join loads using (source, entity, day)
left join unnamed using (source, entity, day)

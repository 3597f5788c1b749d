{#
    The rows of an entity that count. A row is voided if a newer file claims its id (a claim means "these are all rows of
    that range"); of the other rows of an id, the one in the newest file is current.

    A time series keeps the rows of every day: with by_partition, both rules apply within one partition.
#}
{% macro current_rows(source_name, table, entity=none, by_partition=false) %}
    with statuses as ({{ row_status(file_rows(source_name, table), source_name, entity or table, by_partition) }})

    select file_rows.*
    from {{ file_rows(source_name, table) }} as file_rows
    semi join
        statuses
        on file_rows.id = statuses.id
        and file_rows._ordinal = statuses._ordinal
        and statuses.status = 'current'
{% endmacro %}


{#
    The relation that has all rows of the files of a table: its model base_<source>__<table>_rows where there is one, which
    reads large files only once, else the source.
#}
{% macro file_rows(source_name, table) %}
    {% set found = (
        current_tables()
        | selectattr("source", "equalto", source_name)
        | selectattr("table", "equalto", table)
    ) %}
    {% set model = (found | first | default({})).rows_model %}
    {{ return(ref(model) if model else source(source_name, table)) }}
{% endmacro %}


{#
    The status of each row of a relation that has the rows of files: `current`, `superseded` by a newer row of the same id
    that is not voided, or `voided`. Only ids are read. A line without an id is no row: it is missing from all counts.
#}
{% macro row_status(relation, source_name, entity, by_partition=false) %}
    {% set partition = "_partition," if by_partition else "" %}
    with
        claims as (
            select partition as _partition, ordinal, low, high
            from {{ source("inputs", "claims") }}
            where source = '{{ source_name }}' and entity = '{{ entity }}'
        ),

        bounds as (
            select {{ partition }} low as bound
            from claims
            union
            select {{ partition }} high as bound
            from claims
            where high is not null
        ),

        -- between two bounds the same claims apply, and the newest of them decides
        claimed_intervals as (
            select {{ "bounds._partition," if by_partition }} bounds.bound, max(claims.ordinal) as claimed_by
            from bounds
            left join
                claims on claims.low <= bounds.bound and (claims.high > bounds.bound or claims.high is null)
                {{ "and claims._partition = bounds._partition" if by_partition }}
            group by all
        )

    select
        file_rows.id,
        file_rows._ordinal,
        file_rows._partition,
        case
            when file_rows._ordinal < claimed_intervals.claimed_by
            then 'voided'
            -- if the newest row of an id is voided, so are its older ones: a row that is superseded here is not voided
            when
                file_rows._ordinal
                < max(file_rows._ordinal) over (partition by {{ "file_rows._partition," if by_partition }} file_rows.id)
            then 'superseded'
            else 'current'
        end as status
    from
        {{ relation }} as file_rows
        -- ids below every claim are in no interval
        {{ join_claimed_intervals(by_partition) }}
    where file_rows.id is not null
{% endmacro %}


{# The counts of rows per status, for a relation that has the status of each row. #}
{% macro count_by_status() %}
    count(*) filter (where status = 'current') as current_rows,
    count(*) filter (where status = 'superseded') as superseded_rows,
    count(*) filter (where status = 'voided') as voided_rows
{% endmacro %}

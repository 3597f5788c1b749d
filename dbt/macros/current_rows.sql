{#
    The rows of an entity as its manifest means them: a row is void if a newer file claims its id (a claim says "these
    are all rows of that range"), and of the valid rows of an id the one in the newest file counts. (id, ordinal) pairs
    decide alone, and the wide rows are read once, by a join.

    A time series keeps the rows of every day: with by_partition, both rules hold within one partition.
#}
{% macro current_rows(source_name, table, entity=none, by_partition=false) %}
    with fates as ({{ fates_of_rows(source(source_name, table), source_name, entity or table, by_partition) }})

    select raw_rows.*
    from {{ source(source_name, table) }} as raw_rows
    semi join fates on raw_rows.id = fates.id and raw_rows._ordinal = fates._ordinal and fates.fate = 'staged'
{% endmacro %}


{#
    What becomes of each row of a relation that has the files' rows: staged, superseded by a newer valid row of the same id,
    or void. Only ids are read. A line without an id is no row; nothing else counts it, so that it is missing from sums.
#}
{% macro fates_of_rows(relation, source_name, entity, by_partition=false) %}
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

        -- from one bound of a claim to the next the same claims hold, and the newest of them decides
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
            then 'void'
            -- if the newest row of an id is void, then so are its older ones: what it supersedes here is valid
            when
                file_rows._ordinal
                < max(file_rows._ordinal) over (partition by {{ "file_rows._partition," if by_partition }} file_rows.id)
            then 'superseded'
            else 'staged'
        end as fate
    from
        {{ relation }} as file_rows
        -- ids below every claim are in no interval
        {{ join_claimed_intervals(by_partition) }}
    where file_rows.id is not null
{% endmacro %}


{# How many of some rows have each fate from a relation with one row a row. #}
{% macro counts_of_fates() %}
    count(*) filter (where fate = 'staged') as staged_rows,
    count(*) filter (where fate = 'superseded') as superseded_rows,
    count(*) filter (where fate = 'void') as void_rows
{% endmacro %}

{#
    The rows of an entity as its manifest means them: a row is void if a newer file claims its id (a claim says "these
    are all rows of that range"), and of the valid rows of an id the one in the newest file counts. If the newest row of
    an id is void then so are its older ones, so (id, ordinal) pairs decide alone and the wide rows are read once, by a
    join; a window over them would need three times the memory.

    A time series keeps the rows of every day: with by_partition, both rules hold within one partition.
#}
{% macro current_rows(table, entity=none, by_partition=false) %}
    {% set partition = "_partition," if by_partition else "" %}
    with
        {{ stretches_of_claims(entity or table, by_partition) }},

        newest as (select {{ partition }} id, max(_ordinal) as _ordinal from {{ source("raw", table) }} group by all),

        valid as (
            select newest.id, newest._ordinal
            from newest {{ join_stretches("newest", by_partition) }}
            where newest._ordinal >= coalesce(stretches.claimed_by, newest._ordinal)
        )

    select raw_rows.*
    from {{ source("raw", table) }} as raw_rows
    join valid on raw_rows.id = valid.id and raw_rows._ordinal = valid._ordinal
{% endmacro %}


{#
    What became of an entity's rows, counted by file: staged, superseded by a newer valid row of the same id, or void.
    Only ids are read. A line without an id is no row; nothing else counts it, so that it is missing from the sum.
#}
{% macro fates_of_rows(table, entity=none, by_partition=false) %}
    {% set partition = "_partition," if by_partition else "" %}
    with
        {{ stretches_of_claims(entity or table, by_partition) }},

        pairs as (select id, _ordinal, _partition from {{ source("raw", table) }} where id is not null),

        newest as (select {{ partition }} id, max(_ordinal) as _ordinal from pairs group by all),

        judged as (
            select
                newest.id,
                newest._ordinal as newest_ordinal,
                {{ "newest._partition," if by_partition }}
                coalesce(stretches.claimed_by, -1) as claimed_by
            from newest {{ join_stretches("newest", by_partition) }}
        )

    select
        '{{ entity or table }}' as entity,
        pairs._ordinal as ordinal,
        pairs._partition as partition,
        count(*) filter (
            where pairs._ordinal >= judged.claimed_by and pairs._ordinal = judged.newest_ordinal
        ) as staged_rows,
        count(*) filter (
            where pairs._ordinal >= judged.claimed_by and pairs._ordinal < judged.newest_ordinal
        ) as superseded_rows,
        count(*) filter (where pairs._ordinal < judged.claimed_by) as void_rows
    from pairs
    join judged on pairs.id = judged.id {{ "and pairs._partition = judged._partition" if by_partition }}
    group by all
{% endmacro %}


{# CTEs up to `stretches`: from one bound of a claim to the next the same claims hold, and the newest of them decides. #}
{% macro stretches_of_claims(entity, by_partition) %}
    {% set partition = "_partition," if by_partition else "" %}
    claims as (
        select partition as _partition, ordinal, low, high
        from {{ source("inputs", "claims") }}
        where entity = '{{ entity }}'
    ),

    bounds as (
        select {{ partition }} low as bound
        from claims
        union
        select {{ partition }} high as bound
        from claims
        where high is not null
    ),

    stretches as (
        select {{ "bounds._partition," if by_partition }} bounds.bound, max(claims.ordinal) as claimed_by
        from bounds
        left join
            claims on claims.low <= bounds.bound and (claims.high > bounds.bound or claims.high is null)
            {{ "and claims._partition = bounds._partition" if by_partition }}
        group by all
    )
{% endmacro %}


{# The stretch in which the id of each row of a relation lies; ids below every claim have none. #}
{% macro join_stretches(relation, by_partition) %}
    {{ return(adapter.dispatch("join_stretches")(relation, by_partition)) }}
{% endmacro %}


{% macro default__join_stretches(relation, by_partition) %}
    asof left join
        stretches on {{ relation }}.id >= stretches.bound
        {{ "and " ~ relation ~ "._partition = stretches._partition" if by_partition }}
{% endmacro %}


{% macro spark__join_stretches(relation, by_partition) %}
    left join
        (
            select *, lead(bound) over ({{ "partition by _partition" if by_partition }} order by bound) as next_bound
            from stretches
        ) as stretches
        on {{ relation }}.id >= stretches.bound
        and ({{ relation }}.id < stretches.next_bound or stretches.next_bound is null)
        {{ "and " ~ relation ~ "._partition = stretches._partition" if by_partition }}
{% endmacro %}

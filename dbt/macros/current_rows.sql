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
        claims as (
            select "partition" as _partition, ordinal, low, high
            from {{ source("inputs", "claims") }}
            where entity = '{{ entity or table }}'
        ),

        bounds as (
            select {{ partition }} low as bound
            from claims
            union
            select {{ partition }} high as bound
            from claims
            where high is not null
        ),

        -- from one bound to the next the same claims hold, and the newest of them decides
        stretches as (
            select {{ "bounds._partition," if by_partition }} bounds.bound, max(claims.ordinal) as claimed_by
            from bounds
            left join
                claims on claims.low <= bounds.bound and (claims.high > bounds.bound or claims.high is null)
                {{ "and claims._partition = bounds._partition" if by_partition }}
            group by all
        ),

        newest as (select {{ partition }} id, max(_ordinal) as _ordinal from {{ source("raw", table) }} group by all),

        valid as (
            select newest.id, newest._ordinal
            from newest
            asof left join
                stretches on newest.id >= stretches.bound
                {{ "and newest._partition = stretches._partition" if by_partition }}
            where newest._ordinal >= coalesce(stretches.claimed_by, newest._ordinal)
        )

    select raw_rows.*
    from {{ source("raw", table) }} as raw_rows
    join valid on raw_rows.id = valid.id and raw_rows._ordinal = valid._ordinal
{% endmacro %}

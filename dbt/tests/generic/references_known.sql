{#
    Ids exist in the model that they refer to. One load of a night may miss what another already mentions, and IGDB deletes
    rows that others still name: some dangling rows are a warning that counts them. More than max_share of all rows means
    that something is broken: the test fails, and reports the count as a negative number, since dbt's thresholds know
    nothing of shares.
#}
{% test references_known(model, column_name, to, field, max_share) %}
    {{
        config(
            fail_calc="coalesce(max(if(share > max_share, -dangling_rows, dangling_rows)), 0)",
            warn_if="> 0",
            error_if="< 0",
        )
    }}

    with
        dangling as (
            select
                count(*) as dangling_rows,
                count(*) / (select count(*) from {{ model }}) as share,
                {{ max_share }} as max_share
            from {{ model }} as child
            anti join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
            where child.{{ column_name }} is not null
        )

    select *
    from dangling
    where dangling_rows > 0
{% endtest %}

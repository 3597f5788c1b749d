{#
    Ids exist in the model that they refer to. One load of a night may miss what another already mentions, and IGDB deletes
    rows that others still name: some dangling ids are a warning. Beyond max_share of the rows something is broken, and
    the test fails.
#}
{% test references_known(model, column_name, to, field, max_share) %}
    {{
        config(
            fail_calc="coalesce(max(severity), 0)",
            warn_if="> 0",
            error_if="> 1",
        )
    }}

    with
        dangling as (
            select count(*) as dangling_rows, count(*) / (select count(*) from {{ model }}) as share
            from {{ model }} as child
            anti join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
            where child.{{ column_name }} is not null
        )

    select dangling_rows, share, if(share > {{ max_share }}, 2, 1) as severity
    from dangling
    where dangling_rows > 0
{% endtest %}

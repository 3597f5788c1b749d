{# dbt sees as many rows in each table as the load that committed it: two readings of the same files agree. #}
{% test staged_as_committed(model) %}
    with staged as (select entity, sum(staged_rows) as staged_rows from {{ model }} group by entity)

    select loads.entity, loads.row_count, staged.staged_rows
    from {{ ref("stg_loads") }} as loads
    left join staged on loads.entity = staged.entity
    where loads.row_count is distinct from staged.staged_rows
{% endtest %}

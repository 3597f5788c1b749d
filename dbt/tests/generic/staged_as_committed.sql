{#
    dbt sees as many rows in each table as the load that committed it: two readings of the same files agree. A time series'
    row_count is that of its newest day.
#}
{% test staged_as_committed(model) %}
    with
        staged as (
            select accounting.entity, sum(accounting.staged_rows) as staged_rows
            from {{ model }} as accounting
            join {{ ref("stg_loads") }} as loads on accounting.entity = loads.entity
            where
                accounting.day = loads.day
                {% for current in current_tables() if not current.by_partition %}
                    or accounting.entity = '{{ current.entity }}'
                {% endfor %}
            group by accounting.entity
        )

    select loads.entity, loads.row_count, staged.staged_rows
    from {{ ref("stg_loads") }} as loads
    left join staged on loads.entity = staged.entity
    where loads.row_count is distinct from staged.staged_rows
{% endtest %}

{#
    dbt sees as many rows in each table as the load that committed it: two readings of the same files agree. A time series'
    row_count is that of the load's day. If the day before the newest was loaded last, it is not the count of the newest day, which
    the build reads.
#}
{% test staged_as_committed(model) %}
    with
        staged as (
            select accounting.source, accounting.entity, sum(accounting.current_rows) as current_rows
            from {{ model }} as accounting
            join
                {{ ref("stg_loads") }} as loads on accounting.source = loads.source and accounting.entity = loads.entity
            where
                accounting.day = loads.day
                {% for current in current_tables() if not current.by_partition %}
                    or (accounting.source = '{{ current.source }}' and accounting.entity = '{{ current.entity }}')
                {% endfor %}
            group by accounting.source, accounting.entity
        )

    select loads.source, loads.entity, loads.row_count, staged.current_rows
    from {{ ref("stg_loads") }} as loads
    left join staged on loads.source = staged.source and loads.entity = staged.entity
    where
        loads.row_count is distinct from staged.current_rows
        and (
            loads.day = loads.newest_day
            {% for current in current_tables() if not current.by_partition %}
                or (loads.source = '{{ current.source }}' and loads.entity = '{{ current.entity }}')
            {% endfor %}
        )
{% endtest %}

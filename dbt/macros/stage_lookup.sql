{#
    A staging model of a small table of names, such as genres. `label` is the column of the source that has the name,
    `sets` are its columns of ids.
#}
{% macro stage_lookup(source_name, table, label="name", sets=[], columns=["slug", "url"]) %}
    with current_rows as ({{ current_rows(source_name, table) }})

    select
        id,
        {{ text(label) }} as name,
        {% for column in columns %} {{ text(column) }} as {{ column }}, {% endfor %}
        {% for column in sets %} {{ sorted_set(column) }} as {{ column }}, {% endfor %}
        {{ utc("created_at") }} as created_at,
        {{ utc("updated_at") }} as updated_at,
        {{ text("checksum") }} as checksum,
        {{ out_of_range(times=["created_at", "updated_at"]) }} as out_of_range_values
    from current_rows
{% endmacro %}

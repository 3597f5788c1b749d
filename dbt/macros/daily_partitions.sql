{#
    A model that is one Parquet file a day, each written once. The days and where the built ones lie are inputs.days; the
    SQL of the model must be about one day, the one whose files the source table shows (meta.source_name,
    meta.source_table). The days that are not built yet are built one after the other, so that memory and time of each do
    not depend on their number; then a view shows all of them. A condition on `day` reads the files of those days only: it
    is in their names or their folders' names.
#}
{% materialization daily_partitions, adapter = "duckdb" %}
    {% set target_relation = this.incorporate(type="view") %}
    {{ run_hooks(pre_hooks) }}
    {% if config.get("contract").enforced %} {% do get_assert_columns_equivalent(sql) %} {% endif %}

    {% set source_name = config.get("meta").source_name %} {% set table = config.get("meta").source_table %}
    {% for day in run_query("select day from inputs.days where not is_built order by day").rows %}
        {% do show_days(source_name, table, [day.day]) %}
        {% set counts = run_query(row_counts_of_days(source_name, table)).rows[0].dict() %}
        {% do run_query(copy_sorted(model, sql, file_of_day(day.day), counts, in_name="day")) %}
        {% do run_query(
            "insert into inputs.row_counts select source, entity, day, " ~ counts.values()
            | join(", ") ~ " from inputs.days where day = '" ~ day.day ~ "'"
        ) %}
    {% endfor %}

    {% do drop_relation_if_exists(load_cached_relation(this)) %}
    {% call statement("main") %} {{ create_view_of_days(target_relation, sql) }} {% endcall %}
    {{ adapter.commit() }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}


{# The file of a day that this build writes: `publish` copies it into the history. #}
{% macro file_of_day(day) %} {{ return(generation() ~ "/_day=" ~ day ~ ".parquet") }} {% endmacro %}


{# Lets a source table show the files of these days. #}
{% macro show_days(source_name, table, days) %}
    {% set source_table = (
        graph.sources.values()
        | selectattr("source_name", "equalto", source_name)
        | selectattr("name", "equalto", table)
        | first
    ) %}
    {% set query %}
        select url
        from inputs.files
        where
            source = {{ quoted(source_name) }}
            and entity = {{ quoted(source_table.config.meta.entity) }}
            and partition in ({% for day in days %} {{ quoted(day | string) }}, {% endfor %} 'of no days a list too')
        order by ordinal
    {% endset %}
    {% do run_query(create_raw_view(source_table, run_query(query).columns[0].values())) %}
{% endmacro %}


{# Of no days, a view with the same columns and no rows. #}
{% macro create_view_of_days(relation, sql) %}
    {% set built = run_query("select url from inputs.days where is_built order by day").columns[0].values() %}
    {% set added = run_query("select day from inputs.days where not is_built order by day").columns[0].values() %}
    create or replace view {{ relation }} as
    select
    {% for column in get_column_schema_from_query(sql) %}
        {{ adapter.quote(column.name) }}, {% endfor %}
    from
        (
    {% if built %}
        {% if (built | first).split("/day=") | length == 2 %}
                select *  -- DuckDB opens only the days that a join needs, which it does not if the name is parsed here
                from
                    read_parquet(
                        [{% for url in built %} {{ to_read(url) }}, {% endfor %}],
                        hive_partitioning = true,
                        hive_types = {'day': date}
                    )
        {% else %}  {# a folder above the lake has such a name too #}
                select * exclude (filename), cast(regexp_extract(filename, '.*/day=([0-9-]+)', 1) as date) as day
                from
                    read_parquet(
                        [{% for url in built %} {{ to_read(url) }}, {% endfor %}],
                        hive_partitioning = false,
                        filename = true
                    )
        {% endif %}
    {% endif %}
    {% if built and added %}
            union all by name
    {% endif %}
    {% if added %}
            select * exclude (filename), cast(regexp_extract(filename, '.*/_day=([0-9-]+)', 1) as date) as day
            from
                read_parquet(
                    [{% for day in added %} {{ to_read(file_of_day(day)) }}, {% endfor %}],
                    hive_partitioning = false,
                    filename = true
                )
    {% endif %}
    {% if not built and not added %} select * from ({{ sql }}) where false {% endif %}
        )
{% endmacro %}


{# The counts per status of the raw rows of the days that a source table shows, in all or by day. #}
{% macro row_counts_of_days(source_name, table, by_day=false) %}
    select {{ "_partition as day," if by_day }} {{ count_by_status() }}
    from ({{ row_status(source(source_name, table), source_name, table, by_partition=true) }})
    {{ "group by _partition" if by_day }}
{% endmacro %}


{# The same counts of the days that an earlier build wrote: the first rows of inputs.row_counts. #}
{% macro row_counts_of_built_days() %}
    select source, entity, day, current_rows, superseded_rows, voided_rows
    from inputs.days
    where is_built
{% endmacro %}

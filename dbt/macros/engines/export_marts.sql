{#
    Makes the files that readers get from what Spark built, with DuckDB, so that they are the same files as those of the
    target `duckdb`: `dbt run-operation export_marts` with GAMELAKE_GENERATION, when `dbt build --target spark` has succeeded.
#}
{% macro export_marts() %}
    {% do create_input_tables(generation() ~ "/_inputs.json") %}
    {% for node in graph.nodes.values() if node.resource_type == "model" and node.fqn[1] == "marts" %}
        {% if node.config.materialized == "daily_partitions" %} {% do export_days(node) %}
        {% else %} {% do run_query(copy_mart(node, "from " ~ built_by_spark(node.alias))) %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{% macro export_days(node) %}
    {% for each in run_query("select day from inputs.days where not is_built order by day").rows %}
        {% set of_day %} from {{ built_by_spark("_" ~ node.alias) }} where day = '{{ each.day }}' {% endset %}
        {% set counts %}
            select
                coalesce(sum(current_rows), 0) as current_rows,
                coalesce(sum(superseded_rows), 0) as superseded_rows,
                coalesce(sum(voided_rows), 0) as voided_rows
            from {{ built_by_spark("_" ~ node.alias ~ "_row_counts") }}
            where day = '{{ each.day }}'
        {% endset %}
        {% set notes = run_query(counts).rows[0].dict() %}
        {% do run_query(copy_sorted(node, of_day, file_of_day(each.day), notes, in_name="day")) %}
    {% endfor %}
{% endmacro %}


{% macro built_by_spark(table) %}
    {{ return(parquet(spark_warehouse() ~ "/gamelake.db/" ~ table, "/*.parquet")) }}
{% endmacro %}

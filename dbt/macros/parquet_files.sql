{#
    A mart: <model>.parquet in the generation, and a view that reads it. Readers do not see the file until the whole
    generation is published. Its metadata has the day, for readers of the copies, and the vars, for the ranks of the next day.
#}
{% materialization parquet_file, adapter = "duckdb" %}
    {% set target_relation = this.incorporate(type="view") %}
    {{ run_hooks(pre_hooks) }}
    {% if config.get("contract").enforced %} {% do get_assert_columns_equivalent(sql) %} {% endif %}

    {% call statement("main") %} {{ copy_mart(model, sql) }} {% endcall %}

    {% do drop_relation_if_exists(load_cached_relation(this)) %}
    {% do run_query("create or replace view " ~ target_relation ~ " as from " ~ parquet(file_of(model))) %}
    {{ adapter.commit() }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}


{# Marts of the folder `restricted` have one in the generation too: who may read it is decided by its path. #}
{% macro file_of(node) %}
    {{ return(generation() ~ ("/restricted/" if "restricted" in node.fqn else "/") ~ node.alias ~ ".parquet") }}
{% endmacro %}


{# The statement that writes a mart from the SQL of its rows. #}
{% macro copy_mart(node, sql) %}
    {% set notes = {"day": run_query("select day from inputs.run").rows[0][0], "vars": vars_of_marts()} %}
    {{ return(copy_sorted(node, sql, file_of(node), notes)) }}
{% endmacro %}


{#
    The statement that writes a file sorted by the model's meta.order_by: the same rows give the same bytes. Row groups are
    small enough that a condition on the leading column of the order leaves most of a large file unread. The metadata has
    the notes, as text. A column that the name of the file or its folder has is not in the file.
#}
{% macro copy_sorted(node, sql, url, notes, in_name="") %}
    copy (select {{ node.columns | reject("equalto", in_name) | join(", ") }} from ({{ sql }}) order by {{ node.config.meta.order_by }})
    to {{ quoted(url) }}
    (
        format parquet,
        compression zstd,
        row_group_size 32768,
        kv_metadata {
    {% for name, note in notes.items() %}
        {{ name }}: {{ quoted(note | string) }}, {% endfor %}
        }
    )
{% endmacro %}


{# A file to read, or those in a folder that a pattern names. The folders' names, such as dt=2026-11-21, are no columns. #}
{% macro parquet(url, pattern="") %}
    {{ return("read_parquet(" ~ to_read(url, pattern) ~ ", hive_partitioning = false)") }}
{% endmacro %}

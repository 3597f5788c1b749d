{#
    Writes a model into the generation as <model>.parquet, sorted by its meta.order_by: the same rows give the same bytes.
    Readers do not see it until the whole generation is published. Its metadata has the day, for readers of the copies, and
    the vars, for the ranks of the next day. Row groups are small enough that a condition on the leading column of the order
    leaves most of a large file unread.

    dbt renders hooks while it parses too, and then there is no generation.
#}
{% macro export_parquet() %} {{ return(adapter.dispatch("export_parquet")()) }} {% endmacro %}


{% macro default__export_parquet() %} {% if execute %} {{ copy_mart(model, this) }} {% endif %} {% endmacro %}


{# The statement that writes a mart from a relation with its rows. #}
{% macro copy_mart(node, relation) %}
        copy (select * from {{ relation }} order by {{ node.config.meta.order_by }})
        to {{ quoted(generation() ~ "/" ~ node.alias ~ ".parquet") }}
        (
            format parquet,
            compression zstd,
            row_group_size 32768,
            kv_metadata {
                day: '{{ run_query("select day from inputs.run").rows[0][0] }}', vars: {{ quoted(vars_of_marts()) }}
            }
        )
{% endmacro %}

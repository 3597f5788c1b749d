{#
    Writes a model into the generation as <model>.parquet, sorted by its meta.order_by: the same rows give the same bytes.
    Readers do not see it until the whole generation is published. dbt renders hooks while it parses too, and then there
    is no generation.
#}
{% macro export_parquet() %}
    {% if execute %}
        copy (select * from {{ this }} order by {{ model.config.meta.order_by }})
        to {{ quoted(generation() ~ "/" ~ this.identifier ~ ".parquet") }}
        (format parquet, compression zstd)
    {% endif %}
{% endmacro %}

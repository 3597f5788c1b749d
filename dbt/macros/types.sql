{# Unix seconds (of any sign) as a timestamp without time zone, in UTC: no session's time zone can move it. #}
{% macro utc(seconds) %} {{ return(adapter.dispatch("utc")(seconds)) }} {% endmacro %}


{% macro default__utc(seconds) %} make_timestamp({{ seconds }} * 1000000) {% endmacro %}


{% macro spark__utc(seconds) %} cast(timestamp_seconds({{ seconds }}) as timestamp_ntz) {% endmacro %}


{# IGDB's arrays of ids are sets: their order changes from reply to reply. #}
{% macro id_set(ids) %} {{ return(sorted_set(ids)) }} {% endmacro %}


{# The values of a list that are known, sorted, each once. #}
{% macro sorted_set(values) %} {{ return(adapter.dispatch("sorted_set")(values)) }} {% endmacro %}


{% macro default__sorted_set(values) %} list_sort(list_distinct({{ values }})) {% endmacro %}


{% macro spark__sorted_set(values) %} array_sort(array_distinct(array_compact({{ values }}))) {% endmacro %}


{# Behind a star: without these columns. #}
{% macro all_but(columns) %} {{ return(adapter.dispatch("all_but")(columns)) }} {% endmacro %}


{% macro default__all_but(columns) %} exclude ({{ columns }}) {% endmacro %}


{% macro spark__all_but(columns) %}
    except
    ({{ columns }})
{% endmacro %}


{# Spark's name of a type that a source or a contract declares. #}
{% macro spark_type(declared) %}
    {% if declared.endswith("[]") %} {{ return("array<" ~ spark_type(declared[:-2]) ~ ">") }} {% endif %}
    {% set names = {"varchar": "string", "integer": "int", "timestamp": "timestamp_ntz"} %}
    {{ return(names.get(declared, declared)) }}
{% endmacro %}


{# What dbt holds the columns of a contract against. #}
{% macro spark__get_empty_schema_sql(columns) %}
    {% set named = {} %}
    {% for name, column in columns.items() %}
        {% do named.update({name: dict(column, data_type=spark_type(column.data_type))}) %}
    {% endfor %}
    {{ return(default__get_empty_schema_sql(named)) }}
{% endmacro %}

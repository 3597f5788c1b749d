{#
    Unix seconds (of any sign) as a timestamp without time zone, in UTC: no session's time zone can move it. Null outside
    1800 to 2199: such seconds are milliseconds, a year 0 or the like, and most readers of Parquet cannot show them.
#}
{% macro utc(seconds) %} {{ return(adapter.dispatch("utc")(seconds)) }} {% endmacro %}


{% macro default__utc(seconds) %} make_timestamp({{ sane("time", seconds) }} * 1000000) {% endmacro %}


{% macro spark__utc(seconds) %} cast(timestamp_seconds({{ sane("time", seconds) }}) as timestamp_ntz) {% endmacro %}


{# A year as a number, null outside the same range. #}
{% macro year_number(year) %} {{ sane("year", year) }} {% endmacro %}


{# A rating from 0 to 100. The source's means may miss the ends by a rounding error; what is further out is null. #}
{% macro rating(value) %}
    case
        when {{ value }} between 0 and 100
        then {{ value }}
        when {{ in_range("rating", value) }}
        then if({{ value }} < 0, 0, 100)
    end
{% endmacro %}


{# The values that a kind of column can have. #}
{% macro in_range(kind, value) %}
    {% set low, high = {
        "time": ("-5364662400", "7258118399"),
        "year": ("1800", "2199"),
        "rating": ("-0.000001", "100.000001"),
    }[kind] %}
    {{ return(value ~ " between " ~ low ~ " and " ~ high) }}
{% endmacro %}


{% macro sane(kind, value) %}
    {{ return("case when " ~ in_range(kind, value) ~ " then " ~ value ~ " end") }}
{% endmacro %}


{# How many of a row's values utc(), year_number() and rating() take out. #}
{% macro out_of_range(times=[], years=[], ratings=[]) %}
    {% set missed = [] %}
    {% for kind, values in [("time", times), ("year", years), ("rating", ratings)] %}
        {% for value in values %}
            {% do missed.append("case when " ~ value ~ " is null or " ~ in_range(kind, value) ~ " then 0 else 1 end") %}
        {% endfor %}
    {% endfor %}
    {{ return(missed | join(" + ")) }}
{% endmacro %}


{#
    A text, or null if nothing of it can be seen: an empty one, or one of spaces, control characters, zero-width
    characters and fillers only.
#}
{% macro text(value) %} {{ return(adapter.dispatch("text")(value)) }} {% endmacro %}


{% macro default__text(value) %}
    case when regexp_matches({{ value }}, '[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]') then {{ value }} end
{% endmacro %}


{% macro spark__text(value) %}
    case when {{ value }} rlike r'[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]' then {{ value }} end
{% endmacro %}


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

{# A year as a number, null outside 1800 to 2199, as utc(). #}
{% macro year_number(year) %} {{ sane("year", year) }} {% endmacro %}


{# The number of a Steam app: the first group of a pattern, null if the text does not match it. #}
{% macro steam_app(value, pattern) %} try_cast(regexp_extract({{ value }}, '{{ pattern }}', 1) as bigint) {% endmacro %}


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

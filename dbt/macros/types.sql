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


{# A rating from 1 to 5; RAWG writes 0 where there is none. #}
{% macro stars(value) %} nullif({{ sane("stars", value) }}, 0) {% endmacro %}


{# A count of people or hours: sums of sane counts stay within a bigint. #}
{% macro count_of(value) %} {{ sane("count", value) }} {% endmacro %}


{# A date that is written as 2026-11-21; null outside 1800 to 2199, as utc(). #}
{% macro written_date(value) %} {{ return(sane("date", as_date(value))) }} {% endmacro %}


{# A moment that is written as 2026-11-21T04:00:00Z, in UTC without a time zone; null outside 1800 to 2199, as utc(). #}
{% macro written_time(value) %}
    case
        when {{ value }} like '____-__-__T%' and {{ value }} >= '1800' and {{ value }} < '2200'
        then {{ without_zone(try_moment(value)) }}
    end
{% endmacro %}


{# Spark would take 2026 for a date. #}
{% macro as_date(value) %}
    {{ return("case when " ~ value ~ " like '____-__-__' then try_cast(" ~ value ~ " as date) end") }}
{% endmacro %}


{# The values that a kind of column can have. #}
{% macro in_range(kind, value) %}
    {% set low, high = {
        "time": ("-5364662400", "7258118399"),
        "year": ("1800", "2199"),
        "rating": ("-0.000001", "100.000001"),
        "stars": ("0", "5"),
        "count": ("0", "1000000000000"),
        "date": ("date '1800-01-01'", "date '2199-12-31'"),
    }[kind] %}
    {{ return("(" ~ value ~ ") between " ~ low ~ " and " ~ high) }}
{% endmacro %}


{% macro sane(kind, value) %}
    {{ return("case when " ~ in_range(kind, value) ~ " then " ~ value ~ " end") }}
{% endmacro %}


{# How many of a row's values utc(), year_number(), rating(), stars(), count_of() and written_date() take out. #}
{% macro out_of_range(times=[], years=[], ratings=[], stars=[], counts=[], dates=[]) %}
    {% set missed = [] %}
    {% for kind, values in {
        "time": times,
        "year": years,
        "rating": ratings,
        "stars": stars,
        "count": counts,
        "date": dates,
    }.items() %}
        {% for value in values %}
            {% set typed = as_date(value) if kind == "date" else value %}
            {% do missed.append("case when " ~ value ~ " is null or " ~ in_range(kind, typed) ~ " then 0 else 1 end") %}
        {% endfor %}
    {% endfor %}
    {{ return(missed | join(" + ")) }}
{% endmacro %}


{# A member of a JSON object as a whole number; null if it is none: 1.5 is 2 to one engine, and nothing to another. #}
{% macro json_count(value, name) %}
    {%- set member = json_member(value, name) -%}
    case when {{ matches(member, "^-?[0-9]+$") }} then try_cast({{ member }} as bigint) end
{%- endmacro %}


{#
    How many of a row's nested values are not as they should be, which are null.
    lists: the name of each value, and the list that it became. An element that is null counts as one.
    objects: the name of each value, and its members that are numbers.
#}
{% macro unreadable(lists={}, objects={}) %}
    {% set missed = [] %}
    {% for value, typed in lists.items() %}
        {% set torn = list_size(list_where(typed, "each is null")) ~ " > 0" %}
        {% do missed.append(
            "case when " ~ value ~ " is not null and (" ~ typed ~ " is null or " ~ torn ~ ") then 1 else 0 end"
        ) %}
    {% endfor %}
    {% for value, members in objects.items() %}
        {% set torn = ["left(" ~ value ~ ", 1) <> '" ~ "{" ~ "'"] %}
        {% for name in members %}
            {% do torn.append(
                "(" ~ json_member(value, name) ~ " is not null and (" ~ json_count(value, name) ~ ") is null)"
            ) %}
        {% endfor %}
        {% do missed.append("case when " ~ torn | join(" or ") ~ " then 1 else 0 end") %}
    {% endfor %}
    {{ return(missed | join(" + ")) }}
{% endmacro %}

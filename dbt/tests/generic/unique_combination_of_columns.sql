{# No two rows have equal values in all of these columns. #}
{% test unique_combination_of_columns(model, combination_of_columns) %}
    select {{ combination_of_columns | join(", ") }}, count(*) as rows_found
    from {{ model }}
    group by all
    having count(*) > 1
{% endtest %}

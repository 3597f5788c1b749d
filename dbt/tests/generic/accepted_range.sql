{# A known value is from min_value to max_value, except for a rounding error. #}
{% test accepted_range(model, column_name, min_value, max_value) %}
    select {{ column_name }}
    from {{ model }}
    where not {{ column_name }} between {{ min_value }} - 0.000001 and {{ max_value }} + 0.000001
{% endtest %}

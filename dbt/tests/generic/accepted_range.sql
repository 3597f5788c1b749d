{# A known value lies within [low, high], but for a rounding error. #}
{% test accepted_range(model, column_name, low, high) %}
    select {{ column_name }}
    from {{ model }}
    where not {{ column_name }} between {{ low }} - 0.000001 and {{ high }} + 0.000001
{% endtest %}

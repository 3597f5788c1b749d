{# A known value lies within [low, high]. #}
{% test accepted_range(model, column_name, low, high) %}
    select {{ column_name }} from {{ model }} where not {{ column_name }} between {{ low }} and {{ high }}
{% endtest %}

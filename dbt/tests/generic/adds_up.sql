{# A column of every row is the sum of others; nulls add up to nothing. #}
{% test adds_up(model, total, parts) %}
    select * from {{ model }} where {{ total }} is distinct from {{ parts | join(" + ") }}
{% endtest %}

{#- The column identifies a row: it is never null and never twice. One pass, where not_null and unique are two. #}
{% test primary_key(model, column_name) %}
    select {{ column_name }}, count(*) as times
    from {{ model }}
    group by {{ column_name }}
    having {{ column_name }} is null or count(*) > 1
{% endtest %}

{# There are rows. #}
{% test not_empty(model) %} select count(*) as rows_found from {{ model }} having count(*) = 0 {% endtest %}

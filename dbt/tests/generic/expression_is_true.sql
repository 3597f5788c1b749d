{# A condition is true in every row. #}
{% test expression_is_true(model, expression) %} select * from {{ model }} where not ({{ expression }}) {% endtest %}

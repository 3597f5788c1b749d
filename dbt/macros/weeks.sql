{# The Monday of a day's week. #}
{% macro week_of(day) %} cast(date_trunc('week', {{ day }}) as date) {% endmacro %}


{# The Monday of the first week that weekly marts show: that of a day and the 52 before it. #}
{% macro first_week(day) %} {{ week_of(day) }} - 364 {% endmacro %}

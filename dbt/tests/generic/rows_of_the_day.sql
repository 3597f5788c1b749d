{# There are rows of the Korean day that is built. #}
{% test rows_of_the_day(model) %}
    {{ config(severity="warn") }}

    -- no ref: the test belongs to one model, also when others are not selected
    select run.day
    from inputs.run as run
    where run.day not in (select day from {{ model }})
{% endtest %}

{#
    Rows in which the condition holds are a warning with their number: one odd row does not fail a build. One row and
    max_share of all rows are let through. More means that something is broken: the test fails.
#}
{% test rarely(model, condition, max_share=0.001) %}
    {{ config(error_if="> 1 + " ~ max_share ~ " * max(all_rows)") }}
    {{ config(warn_if="> 0") }}

    select *
    from {{ model }}
    cross join (select count(*) as all_rows from {{ model }}) as total
    where {{ condition }}
{% endtest %}

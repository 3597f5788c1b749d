{# As `rarely`, for rows that repeat the key of another one. Rows without the whole key are not looked at. #}
{% test rarely_repeated(model, columns, max_share=0.001) %}
    {{ config(error_if="> 1 + " ~ max_share ~ " * max(all_rows)") }}
    {{ config(warn_if="> 0") }}
    {{ config(fail_calc="coalesce(sum(rows_found - 1), 0)") }}

    select {{ columns | join(", ") }}, count(*) as rows_found, max(all_rows) as all_rows
    from {{ model }}
    cross join (select count(*) as all_rows from {{ model }}) as total
    where {% for column in columns %} {{ column }} is not null {{ "and" if not loop.last }} {% endfor %}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}

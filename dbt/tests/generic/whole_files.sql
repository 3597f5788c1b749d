{#
    Every file that a source table reads gives as many rows with an id as its manifest says. DuckDB reads a compressed
    file that is cut short without an error, and a line `null` as a row of nulls.
#}
{% test whole_files(model, entity, newest_only) %}
    with found as (select _ordinal, count(id) as found_rows from {{ model }} group by all)

    select files.url, files."rows" as expected_rows, coalesce(found.found_rows, 0) as found_rows
    from {{ source("inputs", "files") }} as files
    left join found on found._ordinal = files.ordinal
    where
        files.entity = '{{ entity }}'
        and (files.is_newest or not {{ newest_only }})
        and files."rows" != coalesce(found.found_rows, 0)
{% endtest %}

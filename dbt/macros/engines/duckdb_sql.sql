{% macro default__utc(seconds) %} make_timestamp({{ sane("time", seconds) }} * 1000000) {% endmacro %}


{% macro default__text(value) %}
    case when regexp_matches({{ value }}, '[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]') then {{ value }} end
{% endmacro %}


{% macro default__sorted_set(values) %} list_sort(list_distinct({{ values }})) {% endmacro %}


{% macro default__without_zone(moment) %} make_timestamp(epoch_us({{ moment }})) {% endmacro %}


{% macro default__join_claimed_intervals(by_partition) %}
    asof left join
        claimed_intervals on file_rows.id >= claimed_intervals.bound
        {{ "and file_rows._partition = claimed_intervals._partition" if by_partition }}
{% endmacro %}

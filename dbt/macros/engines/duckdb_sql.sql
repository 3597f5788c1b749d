{% macro default__utc(seconds) %} make_timestamp({{ sane("time", seconds) }} * 1000000) {% endmacro %}


{% macro default__text(value) %}
    case when regexp_matches({{ value }}, '[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]') then {{ value }} end
{% endmacro %}


{% macro default__replace_all(value, pattern, by) %}
    regexp_replace({{ value }}, '{{ pattern }}', '{{ by }}', 'g')
{% endmacro %}


{% macro default__matches(value, pattern) %} regexp_matches({{ value }}, '{{ pattern }}') {% endmacro %}


{# strip_accents leaves what Unicode has no accent for; translate() takes five times as long. #}
{% macro default__plain_letters(value) %}
    {% set plain = namespace(sql="strip_accents(" ~ value ~ ")") %}
    {% for letter, latin in {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"}.items() %}
        {% set plain.sql = "replace(" ~ plain.sql ~ ", '" ~ letter ~ "', '" ~ latin ~ "')" %}
    {% endfor %}
    {{ plain.sql }}
{% endmacro %}


{% macro default__sorted_set(values) %} list_sort(list_distinct({{ values }})) {% endmacro %}


{% macro default__joined(values) %} array_to_string({{ values }}, ', ') {% endmacro %}


{% macro default__try_moment(value) %} try_cast({{ value }} as timestamptz) {% endmacro %}


{% macro default__without_zone(moment) %} make_timestamp(epoch_us({{ moment }})) {% endmacro %}


{% macro default__json_list(value, element) %}
    from_json(try_cast({{ value }} as json), {{ quoted(tojson([element])) }})
{% endmacro %}


{% macro default__json_member(value, name) %}
    json_extract_string(try_cast({{ value }} as json), '$.{{ name }}')
{% endmacro %}


{% macro default__json_member_named(members, name) %}
    json_extract_string({{ members }} [{{ name }}], '$')
{% endmacro %}


{% macro default__list_of(values, expression) %}
    list_transform({{ values }}, lambda each:{{ expression }})
{% endmacro %}


{% macro default__list_where(values, condition) %} list_filter({{ values }}, lambda each:{{ condition }}) {% endmacro %}


{% macro default__list_size(values) %} len({{ values }}) {% endmacro %}


{% macro default__list_first(values) %} list_extract({{ values }}, 1) {% endmacro %}


{% macro default__join_claimed_intervals(by_partition) %}
    asof left join
        claimed_intervals on file_rows.id >= claimed_intervals.bound
        {{ "and file_rows._partition = claimed_intervals._partition" if by_partition }}
{% endmacro %}

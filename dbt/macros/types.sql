{# Unix seconds (of any sign) as a timestamp without time zone, in UTC: no session's time zone can move it. #}
{% macro utc(seconds) %} make_timestamp({{ seconds }} * 1000000) {% endmacro %}


{# IGDB's arrays of ids are sets: their order changes from reply to reply. #}
{% macro id_set(ids) %} list_sort(list_distinct({{ ids }})) {% endmacro %}

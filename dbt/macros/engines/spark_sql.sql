{% macro spark__utc(seconds) %} cast(timestamp_seconds({{ sane("time", seconds) }}) as timestamp_ntz) {% endmacro %}


{% macro spark__text(value) %}
    case when {{ value }} rlike r'[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]' then {{ value }} end
{% endmacro %}


{% macro spark__replace_all(value, pattern, by) %}
    regexp_replace({{ value }}, r'{{ pattern }}', '{{ by }}')
{% endmacro %}


{% macro spark__matches(value, pattern) %} {{ value }} rlike r'{{ pattern }}' {% endmacro %}


{# Spark has no function that strips accents. #}
{% macro spark__plain_letters(value) %}
    translate(
        replace(replace(replace({{ value }}, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
        'àáâãäåāăąçćĉċčďđèéêëēĕėęěĝğġģĥħìíîïĩīĭįıĵķĺļľłñńņňòóôõöøōŏőŕŗřśŝşšſșţťŧțùúûüũūŭůűųŵýÿŷźżž',
        'aaaaaaaaacccccddeeeeeeeeegggghhiiiiiiiiijkllllnnnnooooooooorrrssssssttttuuuuuuuuuuwyyyzzz'
    )
{% endmacro %}


{% macro spark__sorted_set(values) %} array_sort(array_distinct(array_compact({{ values }}))) {% endmacro %}


{#
    Spark would take an object for a list of it. Of a list with one element that is no object it would read nothing, so that each
    element is read on its own.
#}
{% macro spark__json_list(value, element) %}
    case
        when {{ value }} like '[%'
        then
            {% if element is string %} from_json({{ value }}, 'array<{{ spark_json_type(element) }}>')
            {% else %}
                transform(
                    from_json({{ value }}, 'array<string>'), part -> from_json(part, '{{ spark_json_type(element) }}')
                )
            {% endif %}
    end
{% endmacro %}


{% macro spark_json_type(element) %}
    {% if element is string %} {{ return(spark_type(element)) }} {% endif %}
    {% set members = [] %}
    {% for name, type in element.items() %} {% do members.append(name ~ ": " ~ spark_json_type(type)) %} {% endfor %}
    {{ return("struct<" ~ members | join(", ") ~ ">") }}
{% endmacro %}


{% macro spark__json_member(value, name) %} get_json_object({{ value }}, '$.{{ name }}') {% endmacro %}


{# Null for a name with an apostrophe, which no path can have. #}
{% macro spark__json_member_named(members, name) %}
    get_json_object({{ members }}, '$[\'' || {{ name }} || '\']')
{% endmacro %}


{% macro spark__list_of(values, expression) %} transform({{ values }}, each -> {{ expression }}) {% endmacro %}


{% macro spark__list_where(values, condition) %} filter({{ values }}, each -> {{ condition }}) {% endmacro %}


{% macro spark__list_size(values) %} size({{ values }}) {% endmacro %}


{% macro spark__list_first(values) %} get({{ values }}, 0) {% endmacro %}


{% macro spark__joined(values) %} array_join({{ values }}, ', ') {% endmacro %}


{% macro spark__try_moment(value) %} try_cast({{ value }} as timestamp_ltz) {% endmacro %}


{% macro spark__without_zone(moment) %} cast({{ moment }} as timestamp_ntz) {% endmacro %}


{# Spark's name of a type that a source or a contract declares. #}
{% macro spark_type(declared) %}
    {% if declared.endswith("[]") %} {{ return("array<" ~ spark_type(declared[:-2]) ~ ">") }} {% endif %}
    {% set names = {
        "varchar": "string",
        "map(varchar, json)": "string",
        "integer": "int",
        "timestamp": "timestamp_ntz",
        "timestamptz": "timestamp_ltz",
    } %}
    {{ return(names.get(declared, declared)) }}
{% endmacro %}


{# The empty table that dbt compares with the columns of a contract. #}
{% macro spark__get_empty_schema_sql(columns) %}
    {% set named = {} %}
    {% for name, column in columns.items() %}
        {% do named.update({name: dict(column, data_type=spark_type(column.data_type))}) %}
    {% endfor %}
    {{ return(default__get_empty_schema_sql(named)) }}
{% endmacro %}


{% macro spark__join_claimed_intervals(by_partition) %}
    left join
        (
            select *, lead(bound) over ({{ "partition by _partition" if by_partition }} order by bound) as next_bound
            from claimed_intervals
        ) as claimed_intervals
        on file_rows.id >= claimed_intervals.bound
        and (file_rows.id < claimed_intervals.next_bound or claimed_intervals.next_bound is null)
        {{ "and file_rows._partition = claimed_intervals._partition" if by_partition }}
{% endmacro %}

{% macro default__generation() %}
    {% set prefix = run_query("select getvariable('generation')").rows[0][0] %}
    {% if not prefix %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_GENERATION: not set; expected the absolute folder or s3:// prefix that has _inputs.json, "
            ~ "such as /lake/marts/dt=2026-11-21/manual. The DAG `transform` sets it, and `dbt build` opens one. Other "
            ~ "commands take the one that was built last or is published: there is none yet. Run `dbt build` first"
        ) %}
    {% endif %}
    {{ return(prefix) }}
{% endmacro %}


{% macro default__create_input_tables(path) %}
    {# The star makes DuckDB look: on S3 it answers a plain name without asking. #}
    {% if run_query("select count(*) from glob(" ~ to_read(path, "*") ~ ")").rows[0][0] == 0 %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_GENERATION: found no file "
            ~ path
            ~ "; expected the list of the files that this build reads; the DAG `transform` writes it before it calls dbt"
        ) %}
    {% endif %}
    {% set tables %}
        create schema if not exists inputs;

        create or replace temporary table _inputs as
        select *
        from
            read_json(
                {{ to_read(path) }},
                format = 'unstructured',
                hive_partitioning = false,
                maximum_object_size = 67108864,  -- the whole document is one object; as much is set aside twice
                columns = {
        {% for table, columns in input_columns().items() %}
                    "{{ table }}": 'struct(
            {%- for name, type in columns.items() %}"{{ name }}" {{ type }}{{ ", " if not loop.last }}{% endfor -%}
                    )[]',
        {% endfor %}
                }
            );

        {% for table in input_columns() %}
            create or replace table inputs.{{ table }} as
            select unnest("{{ table }}", max_depth := 2)
            from _inputs;
        {% endfor %}

        -- macros/daily_partitions.sql adds the days that it builds
        create or replace table inputs.row_counts as {{ row_counts_of_built_days() }};

        -- for commands that look at what was built: include/gamelake/marts/dbt_plugin.py
        create or replace table inputs.generation as
        select {{ quoted(generation()) }} as url;

        drop table _inputs;
    {% endset %}
    {% do run_query(tables) %}
{% endmacro %}


{% macro default__create_previous_ranks() %}
    create or replace table inputs.previous_ranks as
    select mart, coalesce(cast(game_id as varchar), cast(company_id as varchar), category || ':' || name) as key, rank, day
    from
        (
            select
                cast(null as varchar) as mart,
                cast(null as bigint) as game_id,
                cast(null as bigint) as company_id,
                cast(null as varchar) as category,
                cast(null as varchar) as name,
                cast(null as bigint) as rank,
                cast(null as date) as day
            where false
    {% for mart in run_query("select name, url from inputs.previous where name like 'mart_%' order by name").rows %}
                union all by name
                select '{{ mart.name }}' as mart, *
                from {{ parquet(mart.url) }}
                where exists (
                    from parquet_kv_metadata({{ to_read(mart.url) }})
                    where key = encode('vars') and value = encode({{ quoted(vars_of_marts()) }})
                )
    {% endfor %}
        )
    where rank is not null
{% endmacro %}


{% macro default__create_previous_model_runs() %}
    {% set columns = previous_model_run_columns() %}
    create or replace table inputs.previous_model_runs as
    select {{ columns.keys() | join(", ") }}
    from
        (
            select {% for name, type in columns.items() %} cast(null as {{ type }}) as {{ name }}, {% endfor %}
            where false
    {% for mart in run_query("select url from inputs.previous where name = 'fct_model_runs'").rows %}
                union all by name
                from {{ parquet(mart.url) }}
    {% endfor %}
        )
{% endmacro %}


{% macro default__create_raw_view(table, urls) %}
    {% set columns = table.columns.values() | list %}
    create or replace view {{ table.schema }}.{{ table.name }} as
    {% if urls %}
        select
        {% for column in columns %}
            {% if column.name == "id" %}
                coalesce(json.id, error('Malformed JSON: ' || json._file || ' has a line that is no row with an id')) as id,
            {% else %} json."{{ column.name }}",
            {% endif %}
        {% endfor %}
            file.ordinal as _ordinal,
            file."partition" as _partition
        from
            read_json(
                [{% for url in urls %} {{ to_read(url) }}, {% endfor %}],
                compression = 'gzip',  -- DuckDB takes it from the end of the name, and cuts a name at its first `?`
                columns = {
        {% for column in columns %} "{{ column.name }}": '{{ column.data_type }}', {% endfor %}
                },
                format = 'newline_delimited',
                maximum_object_size = 16777216,  -- loads took rows of this size before they took 1 MB
                -- a value that was stored before its field was declared may have another type: it is null. A line that
                -- is torn has no id
                ignore_errors = true,
                hive_partitioning = false,
                filename = '_file'
            ) as json
        join inputs.files as file on file.source = '{{ table.source_name }}' and file.entity = '{{ table.config.meta.entity }}' and json._file = file.url
    {% else %}
        select
        {% for column in columns %} cast(null as {{ column.data_type }}) as "{{ column.name }}", {% endfor %}
            cast(null as bigint) as _ordinal,
            cast(null as varchar) as _partition
        where false
    {% endif %}
{% endmacro %}


{% macro default__create_feed_view(table, urls) %}
    {% set columns = table.columns.values() | list %}
    create or replace view {{ table.schema }}.{{ table.name }} as
    select {% for column in columns %} "{{ column.name }}", {% endfor %}
    {% if urls %}
        from
            read_json(
                [{% for url in urls %} {{ to_read(url) }}, {% endfor %}],
                compression = 'gzip',
                columns = {
        {% for column in columns %} "{{ column.name }}": '{{ column.data_type }}', {% endfor %}
                },
                format = 'newline_delimited',
                maximum_object_size = 16777216,  -- a line has a row twice, which two buffers of this size take
                hive_partitioning = false
            )
    {% else %}
        from
            (
                select {% for column in columns %} cast(null as {{ column.data_type }}) as "{{ column.name }}", {% endfor %}
            )
        where false
    {% endif %}
{% endmacro %}


{% macro default__run_statements(statements) %} {% do run_query(statements | join(";\n")) %} {% endmacro %}

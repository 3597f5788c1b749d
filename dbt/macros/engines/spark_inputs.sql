{#
    What duckdb_inputs.sql makes, made by Spark. One statement at a time, and tables that are no files of Delta's or the
    like cannot be replaced, only dropped.
#}
{% macro spark__generation() %}
    {% set prefix = env_var("GAMELAKE_GENERATION", "") %}
    {% if not prefix %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_GENERATION: not set; expected the absolute folder or s3:// prefix that has _inputs.json. "
            ~ "`gamelake marts build-on-spark` opens a generation and starts dbt"
        ) %}
    {% endif %}
    {{ return(prefix.rstrip("/")) }}
{% endmacro %}


{# The folder of a build's tables. #}
{% macro spark_warehouse() %}
    {{ return(env_var("GAMELAKE_SPARK_WAREHOUSE", "../.local/scratch/spark")) }}
{% endmacro %}


{#
    Spark takes a file for hidden whose name begins with _, so that it reads a copy: include/gamelake/marts/spark.py puts it
    there.
#}
{% macro spark__create_input_tables(path) %}
    {% set document %}
        create or replace temporary view _inputs (
    {% for table, columns in input_columns().items() %}
            `{{ table }}` array<struct<
        {%- for name, type in columns.items() -%}
                `{{ name }}`: {{ spark_type(type) }}{{ ", " if not loop.last }}
        {%- endfor -%}
        {{- ", vars: string" if table == "previous" }}
            >>{{ "," if not loop.last }}
    {% endfor %}
        )
        using json
        options (path {{ quoted(spark_warehouse() ~ '/inputs.json') }}, multiLine 'true', mode 'FAILFAST')
    {% endset %}
    {% do run_query(document) %}
    {% do run_query("create schema if not exists inputs") %}
    {% for table in input_columns() %}
        {% do create_table("inputs." ~ table, "select inline(`" ~ table ~ "`) from _inputs") %}
    {% endfor %}
    {% do create_table("inputs.row_counts", row_counts_of_built_days()) %}
{% endmacro %}


{% macro create_table(name, query) %}
    {% do run_query("drop table if exists " ~ name) %}
    {% do run_query("create table " ~ name ~ " using parquet as " ~ query) %}
{% endmacro %}


{#
    Spark has no function for a file's metadata: the copy of _inputs.json has the vars that each mart was built with. A file
    without one of the declared columns has nulls there.
#}
{% macro spark__create_previous_ranks() %}
    {% set marts = run_query(
        "select name, url from inputs.previous where name like 'mart_%' and vars = "
        ~ quoted(vars_of_marts())
        ~ " order by name"
    ).rows %}
    {% for mart in marts %}
        {% set view %}
            create or replace temporary view _previous_{{ mart.name }} (game_id bigint, company_id bigint, category string, name string, rank bigint, day date)
            using parquet
            options (path {{ quoted(mart.url) }})
        {% endset %}
        {% do run_query(view) %}
    {% endfor %}
    {% do run_query("drop table if exists inputs.previous_ranks") %}
    create table inputs.previous_ranks using parquet as
    select mart, coalesce(cast(game_id as string), cast(company_id as string), category || ':' || name) as key, rank, day
    from
        (
            select
                cast(null as string) as mart,
                cast(null as bigint) as game_id,
                cast(null as bigint) as company_id,
                cast(null as string) as category,
                cast(null as string) as name,
                cast(null as bigint) as rank,
                cast(null as date) as day
            where false
    {% for mart in marts %}
                union all
                select '{{ mart.name }}' as mart, game_id, company_id, category, name, rank, day
                from _previous_{{ mart.name }}
    {% endfor %}
        )
    where rank is not null
{% endmacro %}


{% macro spark__create_previous_model_runs() %}
    {% set columns = [] %} {% set nulls = [] %}
    {% for name, type in previous_model_run_columns().items() %}
        {% do columns.append(name ~ " " ~ spark_type(type)) %}
        {% do nulls.append("cast(null as " ~ spark_type(type) ~ ") as " ~ name) %}
    {% endfor %}
    {% set marts = run_query("select url from inputs.previous where name = 'fct_model_runs'").rows %}
    {% for mart in marts %}
        {% set view %}
            create or replace temporary view _previous_model_runs ({{ columns | join(", ") }})
            using parquet
            options (path {{ quoted(mart.url) }})
        {% endset %}
        {% do run_query(view) %}
    {% endfor %}
    {% do run_query("drop table if exists inputs.previous_model_runs") %}
    create table inputs.previous_model_runs using parquet as
    {% if marts %} select * from _previous_model_runs
    {% else %} select {{ nulls | join(", ") }} where false
    {% endif %}
{% endmacro %}


{#
    As on DuckDB, a value that was stored before its field was declared may have another type: it is null. A line that is
    torn has no id, and fails the build.
#}
{% macro spark__create_raw_view(table, urls) %}
    {% set columns = [] %}
    {% for column in table.columns.values() %}
        {% do columns.append("`" ~ column.name ~ "` " ~ spark_type(column.data_type)) %}
    {% endfor %}
    {% set folder = "/raw/" ~ table.source_name ~ "/" ~ table.config.meta.entity ~ "/" %}
    create or replace view {{ table.schema }}.{{ table.name }} as
    {% if urls %}
        select
        {% for column in table.columns.values() %}
            {% if column.name == "id" %}
                coalesce(
                    json.parsed.id, raise_error('Malformed JSON: ' || json.part || ' has a line that is no row with an id')
                ) as id,
            {% else %} json.parsed.`{{ column.name }}`,
            {% endif %}
        {% endfor %}
            file.ordinal as _ordinal, file.partition as _partition
        from
            (
                select
                    from_json(value, '{{ columns | join(", ") }}', map('mode', 'PERMISSIVE')) as parsed,
                    -- what comes before it Spark writes in its own way, as file:/a%20folder
                    substring_index(_metadata.file_path, '{{ folder }}', -1) as part
                from text.`{{ one_path(folder, urls) }}`
            ) as json
        join
            inputs.files as file
            on file.source = '{{ table.source_name }}'
            and file.entity = '{{ table.config.meta.entity }}'
            and json.part = substring_index(file.url, '{{ folder }}', -1)
    {% else %}
        select
        {% for column in table.columns.values() %}
            cast(null as {{ spark_type(column.data_type) }}) as `{{ column.name }}`,
        {% endfor %}
            cast(null as bigint) as _ordinal,
            cast(null as string) as _partition
        where false
    {% endif %}
{% endmacro %}


{% macro spark__create_feed_view(table, urls) %}
    {% set columns = [] %}
    {% for column in table.columns.values() %}
        {% do columns.append("`" ~ column.name ~ "` " ~ spark_type(column.data_type)) %}
    {% endfor %}
    {% set folder = "/feeds/" ~ table.config.meta.feed.replace(".", "/") ~ "/" %}
    create or replace view {{ table.schema }}.{{ table.name }} as
    {% if urls %}
        select json.parsed.*
        from
            (
                select from_json(value, '{{ columns | join(", ") }}', map('mode', 'FAILFAST')) as parsed
                from text.`{{ one_path(folder, urls) }}`
            ) as json
    {% else %}
        select
        {% for column in table.columns.values() %}
            cast(null as {{ spark_type(column.data_type) }}) as `{{ column.name }}`{{ "," if not loop.last }}
        {% endfor %}
        where false
    {% endif %}
{% endmacro %}


{#
    Files of a lake as one path, with alternatives in braces. They lie below a folder, in the lake itself or, parts of
    compacted months that were restored, below its `marts/_restored/<build>`.
#}
{% macro one_path(folder, urls) %}
    {% if urls[0].startswith("https://") %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_CDN_URL: found "
            ~ urls[0]
            ~ ", expected a folder or s3://; Spark reads no https:// addresses. Unset it for the target spark"
        ) %}
    {% endif %}
    {% set lakes = [] %} {% set parts = [] %}
    {% for url in urls %} {% do lakes.append(url.split(folder, 1)[0].split("/marts/_restored/", 1)[0]) %} {% endfor %}
    {% for lake in lakes | unique | list if lake != lakes[0] %}
        {% do exceptions.raise_compiler_error(
            "_inputs.json: found files in "
            ~ lakes[0]
            ~ " and in "
            ~ lake
            ~ ", expected one lake: parts of compacted months are restored where the marts are written. Build on DuckDB"
        ) %}
    {% endfor %}
    {% for url in urls %} {% do parts.append(url[lakes[0] | length + 1 :]) %} {% endfor %}
    {{ return(lakes[0] ~ "/{" ~ parts | join(",") ~ "}") }}
{% endmacro %}


{# Spark takes one statement at a time. #}
{% macro spark__run_statements(statements) %}
    {% for each in statements %} {% do run_query(each) %} {% endfor %}
{% endmacro %}

{#
    Makes what the models read, at the start of every run, from the generation's _inputs.json: the tables of the schema
    `inputs` and, for each source table of `raw`, a view over its files. Nothing of it is looked at while dbt parses, so
    that a manifest can be made anywhere.
#}
{% macro read_inputs() %}
    {% if not execute %} {{ return("") }} {% endif %}
    {% do check_vars() %}
    {% do create_input_tables(generation() ~ "/_inputs.json") %}
    {% do check_day() %}
    {% do check_build() %}
    {% do run_query(create_previous_ranks()) %}
    {% set files = {} %}
    {% for entity in run_query("select distinct entity from inputs.sources").columns[0].values() %}
        {% do files.update({entity: []}) %}
    {% endfor %}
    {% for file in run_query("select entity, url, is_newest from inputs.files order by entity, ordinal").rows %}
        {% do files[file.entity].append(file) %}
    {% endfor %}
    {% do run_query("create schema if not exists raw") %}
    {% for table in graph.sources.values() if table.source_name == "raw" %}
        {% set meta = table.config.meta %}
        {% if meta.entity not in files %}
            {% do exceptions.raise_compiler_error(
                "_inputs.json: found no entity "
                ~ meta.entity
                ~ ", expected every entity of the registry, if need be with no files; "
                ~ "it was written by another version of the project: run the DAG `transform` again"
            ) %}
        {% endif %}
        {% if meta.files == "newest" %} {% set wanted = files[meta.entity] | selectattr("is_newest") | list %}
        {# macros/daily_partitions.sql shows the files of one day after the other #}
        {% elif meta.files == "by_day" %} {% set wanted = [] %}
        {% else %} {% set wanted = files[meta.entity] %}
        {% endif %}
        {% do run_query(create_raw_view(table, wanted | map(attribute="url") | list)) %}
    {% endfor %}
{% endmacro %}


{#
    The folder or s3:// prefix of this build: what it reads is listed there, and its Parquet files go there. It is that of
    GAMELAKE_GENERATION, or one that include/gamelake/marts/dbt_plugin.py has opened.
#}
{% macro generation() %} {{ return(adapter.dispatch("generation")()) }} {% endmacro %}


{% macro default__generation() %}
    {% set prefix = run_query("select getvariable('generation')").rows[0][0] %}
    {% if not prefix %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_GENERATION: not set; expected the absolute folder or s3:// prefix that holds _inputs.json, "
            ~ "such as /lake/marts/dt=2026-11-21/manual. The DAG `transform` sets it, and `dbt build` opens one. Other "
            ~ "commands take the one that was built last or is published: there is none yet. Run `dbt build` first"
        ) %}
    {% endif %}
    {{ return(prefix) }}
{% endmacro %}


{# The day of a generation is fixed; `as_of` is for opening one. Says where a build goes that no DAG will publish. #}
{% macro check_day() %}
    {% set day = run_query("select day from inputs.run").rows[0][0] | string %}
    {% if var("as_of") and var("as_of") | string != day %}
        {% do exceptions.raise_compiler_error(
            "var as_of: found "
            ~ var("as_of")
            ~ ", expected none or "
            ~ day
            ~ ", the day of the generation "
            ~ generation()
        ) %}
    {% endif %}
    {% if not env_var("GAMELAKE_GENERATION", "") %}
        {% do log("Building " ~ day ~ " in " ~ generation() ~ "; the DAG `transform` is what publishes", info=true) %}
    {% endif %}
{% endmacro %}


{% macro quoted(text) %} {{ return("'" ~ text.replace("'", "''") ~ "'") }} {% endmacro %}


{#
    A file's address where DuckDB reads: a `*`, `?` or `[` in a folder's name would be a pattern of names. Addresses that are
    written, and what a read says of its files, are the plain ones.
#}
{% macro to_read(url, pattern="") %}
    {% set plain = url.replace("[", "[[" ~ "]").replace("*", "[*]").replace("?", "[?]") %}
    {{ return(quoted(plain ~ pattern)) }}
{% endmacro %}


{% macro create_input_tables(path) %} {% do adapter.dispatch("create_input_tables")(path) %} {% endmacro %}


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
                maximum_object_size = 67108864,  -- the whole document is one object; as much is set aside twice
                columns = {
                    day: 'date',
                    run_id: 'varchar',
                    previous: 'struct(day date, generation varchar, marts struct(name varchar, url varchar)[])',
                    days: 'struct(
                        day date, url varchar,
                        built struct(staged_rows bigint, superseded_rows bigint, void_rows bigint)
                    )[]',
                    sources: 'struct(
                        source varchar, entity varchar, "version" bigint, "partition" varchar, watermark bigint,
                        committed_at timestamptz, source_count bigint, row_count bigint,
                        files struct(
                            ordinal integer, url varchar, "partition" varchar, "rows" bigint,
                            claims struct(low bigint, high bigint)[]
                        )[]
                    )[]'
                }
            );

        create or replace table inputs.run as
        select day, run_id
        from _inputs;

        -- for commands that look at what was built: include/gamelake/marts/dbt_plugin.py
        create or replace table inputs.generation as
        select {{ quoted(generation()) }} as url;

        create or replace table inputs.sources as
        select
            *,
            -- that of the load, also if it found nothing; a commit may hold later days, when it loaded an older one again
            list_max(
                [loaded for loaded in list_append([file."partition" for file in files], "partition") if loaded <= day]
            ) as newest_day
        from (select unnest(sources, max_depth := 2), cast(day as varchar) as day from _inputs);

        alter table inputs.sources drop column day;

        create or replace table inputs.previous as
        select unnest(previous.marts, max_depth := 2)
        from _inputs;

        create or replace table inputs.days as
        select
            day, url, built is not null as is_built, built.staged_rows, built.superseded_rows, built.void_rows
        from (select unnest(days, max_depth := 2) from _inputs);

        create or replace table inputs.claims as
        select entity, ordinal, "partition", unnest(claims, max_depth := 2)
        from (select entity, unnest(files, max_depth := 2) from inputs.sources);

        create or replace table inputs.files as
        select
            entity,
            ordinal,
            url,
            "partition",
            "rows",
            "partition" = newest_day as is_newest
        from (select entity, newest_day, unnest(files, max_depth := 2) from inputs.sources);

        alter table inputs.sources drop column files;
        drop table _inputs;
    {% endset %}
    {% do run_query(tables) %}
{% endmacro %}


{#
    The statement that makes a table of the ranks in the last published marts, those built with the vars of this build: a
    file of other vars, or one that does not say, ranks other games or by other scores.
#}
{% macro create_previous_ranks() %} {{ return(adapter.dispatch("create_previous_ranks")()) }} {% endmacro %}


{% macro default__create_previous_ranks() %}
    create or replace table inputs.previous_ranks as
    select mart, coalesce(cast(game_id as varchar), theme) as key, rank
    from
        (
            select
                cast(null as varchar) as mart,
                cast(null as bigint) as game_id,
                cast(null as varchar) as theme,
                cast(null as bigint) as rank
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


{# The statement that makes a view of a source table's files; of no files, an empty one with the same columns. #}
{% macro create_raw_view(table, urls) %} {{ return(adapter.dispatch("create_raw_view")(table, urls)) }} {% endmacro %}


{% macro default__create_raw_view(table, urls) %}
    {% set columns = table.columns.values() | list %}
    create or replace view raw.{{ table.name }} as
    {% if urls %}
        select
        {% for column in columns %} json."{{ column.name }}", {% endfor %}
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
                maximum_object_size = 16777216,  -- a row of a game may be 5 MB
                hive_partitioning = false,
                filename = '_file'
            ) as json
        join inputs.files as file on file.entity = '{{ table.config.meta.entity }}' and json._file = file.url
    {% else %}
        select
        {% for column in columns %} cast(null as {{ column.data_type }}) as "{{ column.name }}", {% endfor %}
            cast(null as integer) as _ordinal,
            cast(null as varchar) as _partition
        where false
    {% endif %}
{% endmacro %}

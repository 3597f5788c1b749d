{#
    Makes what the models read, at the start of every run, from the generation's _inputs.json: the tables of the schema
    `inputs` and, for each table of a source and each change feed, a view over its files. Parsing needs none of it, so that a manifest can be
    made anywhere.
#}
{% macro read_inputs() %}
    {% if not execute %} {{ return("") }} {% endif %}
    {% do check_vars() %}
    {% do create_input_tables(generation() ~ "/_inputs.json") %}
    {% do check_day() %}
    {% do check_build() %}
    {% do run_query(create_previous_ranks()) %}
    {% do run_query(create_previous_model_runs()) %}
    {% set files = {} %} {% set schemas = [] %} {% set views = [] %}
    {% set tables = "select source, entity from inputs.sources union select source, entity from inputs.absent" %}
    {% for table in run_query(tables).rows %}
        {% do files.update({table.source ~ "." ~ table.entity: []}) %}
    {% endfor %}
    {% for file in run_query("select source, entity, url, is_newest from inputs.files order by ordinal").rows %}
        {% do files[file.source ~ "." ~ file.entity].append(file) %}
    {% endfor %}
    {% for table in graph.sources.values() if table.config.meta.entity %}
        {% set meta = table.config.meta %} {% set name = table.source_name ~ "." ~ meta.entity %}
        {% if name not in files %}
            {% do exceptions.raise_compiler_error(
                "_inputs.json: found no table "
                ~ name
                ~ ", expected every table of the registry, if need be with no files; "
                ~ "it was written by another version of the project: run the DAG `transform` again"
            ) %}
        {% endif %}
        {% set schema = "create schema if not exists " ~ table.schema %}
        {% if schema not in schemas %} {% do schemas.append(schema) %} {% endif %}
        {% if meta.files == "newest" %} {% set wanted = files[name] | selectattr("is_newest") | list %}
        {# macros/daily_partitions.sql shows the files of one day after the other #}
        {% elif meta.files == "by_day" %} {% set wanted = [] %}
        {% else %} {% set wanted = files[name] %}
        {% endif %}
        {% do views.append(create_raw_view(table, wanted | map(attribute="url") | list)) %}
    {% endfor %}
    {% for table in graph.sources.values() if table.config.meta.feed %}
        {% do schemas.append("create schema if not exists " ~ table.schema) %}
        {% set urls = run_query(
            "select url from inputs.feed_files where source || '.' || entity = '"
            ~ table.config.meta.feed
            ~ "' order by to_version, url"
        ).rows %}
        {% do views.append(create_feed_view(table, urls | map(attribute="url") | list)) %}
    {% endfor %}
    {% do run_statements(schemas + views) %}
{% endmacro %}


{# The day of a generation is fixed; `as_of` is for opening one. Logs where a build goes that no DAG will publish. #}
{% macro check_day() %}
    {% set day = run_query("select day from inputs.run").rows[0][0] | string %}
    {% if var("as_of") is not none and var("as_of") | string != day %}
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


{# The columns of fct_model_runs with their types: those of its input, but for the moment, which has no time zone. #}
{% macro previous_model_run_columns() %}
    {{ return(dict(input_columns()["model_runs"], built_at="timestamp")) }}
{% endmacro %}


{% macro quoted(text) %} {{ return("'" ~ text.replace("'", "''") ~ "'") }} {% endmacro %}


{#
    A file's address for DuckDB to read: a `*`, `?` or `[` in the name of a folder would be a pattern. Addresses to write,
    and those that a read returns, stay as they are.
#}
{% macro to_read(url, pattern="") %}
    {% set plain = url.replace("[", "[[" ~ "]").replace("*", "[*]").replace("?", "[?]") %}
    {{ return(quoted(plain ~ pattern)) }}
{% endmacro %}

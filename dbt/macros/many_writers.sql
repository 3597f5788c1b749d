{#
    With GAMELAKE_TRANSFORM=many_writers a process builds one model in a database of its own, in memory, and what it built
    goes to the processes that build on it as a Parquet file in the generation's folder. A mart's is the file that readers
    get; another model exports _<model>.parquet, a view with its SQL for content, and these go when the generation is
    published.
#}
{% macro many_writers() %} {{ return(env_var("GAMELAKE_TRANSFORM", "one_process") == "many_writers") }} {% endmacro %}


{# Where other processes look for a model. #}
{% macro file_of(node) %}
    {{ return(generation() ~ "/" ~ ("" if node.fqn[1] == "marts" else "_") ~ node.alias ~ ".parquet") }}
{% endmacro %}


{# The statement that hands a model on; a mart is its file. #}
{% macro hand_on() %}
    {% if execute and many_writers() and model.fqn[1] != "marts" %}
        {% set is_view = model.config.materialized == "view" %}
        copy (select {{ quoted(compiled_code) ~ " as sql" if is_view else "* from " ~ this }})
        to {{ quoted(file_of(model)) }} (format parquet, compression zstd)
    {% endif %}
{% endmacro %}


{# At the start of every run, shows what is built on or tested, as far as other processes built it. #}
{% macro read_handed_on() %}
    {% if not execute or not many_writers() %} {{ return("") }} {% endif %}
    {% set files = (
        run_query("select file from glob(" ~ to_read(generation(), "/*.parquet") ~ ")").columns[0].values()
    ) %}
    {% for node in graph.nodes.values() if node.unique_id in selected_resources %}
        {% do show_parents(node, files) %}
    {% endfor %}
{% endmacro %}


{% macro show_parents(child, files) %}
    {% for id in child.depends_on.nodes if id.startswith("model.") and id not in selected_resources %}
        {% set node = graph.nodes[id] %}
        {% set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) %}
        {% set content = "from " ~ parquet(file_of(node)) %}
        {% if node.config.materialized != "daily_partitions" and file_of(node) not in files %}
            {% do exceptions.raise_compiler_error(
                node.name
                ~ ": found no file "
                ~ file_of(node)
                ~ ", expected the model as another process built it. Build it first. If the generation is published, what "
                ~ "was exported is deleted: clear open_generation and all after it"
            ) %}
        {% endif %}
        {# One process that runs task after task, as `airflow dags test` does, has built it itself. #}
        {% do drop_relation_if_exists(load_cached_relation(relation)) %}
        {% if node.config.materialized == "daily_partitions" %}
            {% do run_query(create_view_of_days(relation, get_empty_schema_sql(node.columns))) %}
        {% else %}
            {% if node.config.materialized == "view" %}
                {% do show_parents(node, files) %} {% set content = run_query(content).rows[0].sql %}
            {% endif %}
            {% do run_query("create or replace view " ~ relation ~ " as " ~ content) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

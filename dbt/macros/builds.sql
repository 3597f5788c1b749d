{#
    Holds a build to what it may use and where it may write. Only of commands that write models: `dbt test` and the like look
    at anything.
#}
{% macro check_build() %}
    {# On Spark include/gamelake/marts/spark.py has looked, and tables last as long as the build. #}
    {% if flags.WHICH in ["build", "run"] and target.type == "duckdb" %}
        {% do check_unfinished() %} {% do check_parents() %}
    {% endif %}
{% endmacro %}


{# A finished generation may be what readers have: nothing is written into its folder again. #}
{% macro check_unfinished() %}
    {% set record = generation() ~ "/_generation.json" %}
    {% if run_query("select count(*) from glob(" ~ to_read(record, "*") ~ ")").rows[0][0] > 0 %}
        {% do exceptions.raise_compiler_error(
            "GAMELAKE_GENERATION: found "
            ~ record
            ~ ", expected a generation that is not finished: readers may use its files. Clear open_generation and all after "
            ~ "it; without the DAG call dbt without GAMELAKE_GENERATION, and it opens a new one"
        ) %}
    {% endif %}
{% endmacro %}


{#
    A build of some models takes the others from the scratch database. It is refused if those were built with other vars or
    from other loads: the files say the vars and the day of this build.
#}
{% macro check_parents() %}
    {% do run_query("create table if not exists inputs.built (model varchar primary key, label varchar)") %}
    {% set built = {} %} {% set names = [] %}
    {% for row in run_query("from inputs.built").rows %} {% do built.update({row.model: row.label}) %} {% endfor %}
    {% set label = label_of_build() %}
    {% for node in graph.nodes.values() if node.resource_type == "model" and node.unique_id in selected_resources %}
        {% for parent in node.depends_on.nodes if parent.startswith("model.") and parent not in selected_resources %}
            {% set name = graph.nodes[parent].name %}
            {% if built.get(name, label) != label %}
                {% do exceptions.raise_compiler_error(
                    node.name
                    ~ ": found "
                    ~ name
                    ~ " in the scratch database as another build left it, with other vars or from other loads. Build it too: "
                    ~ "dbt "
                    ~ flags.WHICH
                    ~ " --select +"
                    ~ node.name
                ) %}
            {% endif %}
        {% endfor %}
        {% do names.append(node.name) %}
    {% endfor %}
    {% if names %} {% do note_models(names, "unfinished") %} {% endif %}
{% endmacro %}


{# At the end of a run: the models that it has built. The others that it was to build stay `unfinished`. #}
{% macro note_built(results) %}
    {% if not execute or flags.WHICH not in ["build", "run"] or target.type != "duckdb" %} {{ return("") }} {% endif %}
    {% set names = [] %}
    {% for result in results if result.node.resource_type == "model" and result.status | string == "success" %}
        {% do names.append(result.node.name) %}
    {% endfor %}
    {% if names %} {% do note_models(names, label_of_build()) %} {% endif %}
{% endmacro %}


{% macro note_models(names, label) %}
    {% do run_query(
        "insert or replace into inputs.built select unnest(['" ~ names
        | join("', '") ~ "']), " ~ quoted(label)
    ) %}
{% endmacro %}


{# The vars and the commits that a build uses. #}
{% macro label_of_build() %}
    {% set commits = run_query(
        "select string_agg(source || '.' || entity || ' ' || version, ', ' order by source, entity) from inputs.sources"
    ) %}
    {% set day = run_query("select day from inputs.run").rows[0][0] %}
    {{ return(day ~ ": " ~ commits.rows[0][0] ~ ": " ~ vars_of_marts()) }}
{% endmacro %}

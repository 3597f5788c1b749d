{# macros/parquet_files.sql for Spark: a table, whose rows become the file when all of the build has succeeded. #}
{% materialization parquet_file, adapter = "spark" %}
    {% set target_relation = this.incorporate(type="table") %}
    {{ run_hooks(pre_hooks) }}
    {% if config.get("contract").enforced %} {% do get_assert_columns_equivalent(sql) %} {% endif %}

    {% do drop_relation_if_exists(load_cached_relation(this)) %}
    {% call statement("main") %}
        create table {{ target_relation }} using parquet as
        select {{ model.columns | join(", ") }}
        from ({{ sql }})
    {% endcall %}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}


{#
    macros/daily_partitions.sql for Spark, which builds all days that are not built yet at once: the model's rules hold
    within a day, and memory is that of many machines.
#}
{% materialization daily_partitions, adapter = "spark" %}
    {% set target_relation = this.incorporate(type="view") %}
    {% set built = this.incorporate(path={"identifier": "_" ~ this.identifier}, type="table") %}
    {% set counts = this.incorporate(path={"identifier": "_" ~ this.identifier ~ "_row_counts"}, type="table") %}
    {{ run_hooks(pre_hooks) }}
    {% if config.get("contract").enforced %} {% do get_assert_columns_equivalent(sql) %} {% endif %}

    {% set source_name = config.get("meta").source_name %} {% set table = config.get("meta").source_table %}
    {% set days = run_query("select day from inputs.days where not is_built").columns[0].values() %}
    {% do show_days(source_name, table, days) %}
    {# All rows of a day in one file; of no days there is a file too. #}
    {% do create_table(built, "select * from (" ~ sql ~ ") distribute by day") %}
    {% do create_table(counts, row_counts_of_days(source_name, table, by_day=true)) %}
    {# A day without rows has no row there. #}
    {% do run_query(
        "insert into inputs.row_counts select days.source, days.entity, days.day, coalesce(counts.current_rows, 0), "
        ~ "coalesce(counts.superseded_rows, 0), coalesce(counts.voided_rows, 0) from inputs.days as days left join (select cast(day as date) "
        ~ "as day, current_rows, superseded_rows, voided_rows from "
        ~ counts
        ~ ") as counts on days.day = counts.day where not days.is_built"
    ) %}

    {% call statement("main") %}
        create or replace view {{ target_relation }} as
        {% set urls = run_query("select url from inputs.days where is_built order by day").columns[0].values() %}
        {% if urls %}
            select
            {% for column in model.columns %}
                {% if column == "day" %} cast(regexp_extract(_metadata.file_path, '/day=([0-9-]+)/', 1) as date) as {% endif %}
                {{ column ~ ("," if not loop.last) }}
            {% endfor %}
            from parquet.`{{ one_path("/marts/history/" ~ this.identifier ~ "/", urls) }}`
            union all
        {% endif %}
        select {{ model.columns | join(", ") }}
        from {{ built }}
    {% endcall %}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

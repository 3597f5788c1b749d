{#
    The macros that differ between engines. DuckDB's versions, the default, are in duckdb_sql.sql and duckdb_inputs.sql;
    Spark's are in spark_sql.sql and spark_inputs.sql.

    Unix seconds (of any sign) as a timestamp without time zone, in UTC: no session's time zone can move it. Null outside
    1800 to 2199: such seconds are milliseconds, a year 0 or the like, and most readers of Parquet cannot show them.
#}
{% macro utc(seconds) %} {{ return(adapter.dispatch("utc")(seconds)) }} {% endmacro %}


{#
    A text, or null if nothing of it can be seen: an empty one, or one of spaces, control characters, zero-width
    characters and fillers only.
#}
{% macro text(value) %} {{ return(adapter.dispatch("text")(value)) }} {% endmacro %}


{# A text with every match of a regular expression replaced. #}
{% macro replace_all(value, pattern, by) %}
    {{ return(adapter.dispatch("replace_all")(value, pattern, by)) }}
{% endmacro %}


{# Whether a regular expression matches a part of a text. #}
{% macro matches(value, pattern) %} {{ return(adapter.dispatch("matches")(value, pattern)) }} {% endmacro %}


{# A text in lower case with Latin letters that have no accents. #}
{% macro plain_letters(value) %} {{ return(adapter.dispatch("plain_letters")(value)) }} {% endmacro %}


{# The known values of a list, sorted, each once: IGDB sends sets of ids in any order. #}
{% macro sorted_set(values) %} {{ return(adapter.dispatch("sorted_set")(values)) }} {% endmacro %}


{# The texts of a list as one text. #}
{% macro joined(values) %} {{ return(adapter.dispatch("joined")(values)) }} {% endmacro %}


{# A text as a moment with a time zone; null if it is none. #}
{% macro try_moment(value) %} {{ return(adapter.dispatch("try_moment")(value)) }} {% endmacro %}


{# A moment with a time zone as a timestamp without one, in UTC. #}
{% macro without_zone(moment) %} {{ return(adapter.dispatch("without_zone")(moment)) }} {% endmacro %}


{#
    A nested value of a source, which is JSON as a text, typed: the elements of a list. An element or a member that has
    another type is null; a text that is no list is null, too.
    element: the type of an element, as JSON: "varchar", or {"platform": {"id": "bigint"}}.
#}
{% macro json_list(value, element) %} {{ return(adapter.dispatch("json_list")(value, element)) }} {% endmacro %}


{# A member of a JSON object as a text; null if there is none, or the text is no object. #}
{% macro json_member(value, name) %} {{ return(adapter.dispatch("json_member")(value, name)) }} {% endmacro %}


{#
    A member of a JSON object as a text, whose name is an expression. The object is a column of a source that is declared as
    map(varchar, json): DuckDB parses each line once, where a text would be parsed for each member, and held several times.
#}
{% macro json_member_named(members, name) %}
    {{ return(adapter.dispatch("json_member_named")(members, name)) }}
{% endmacro %}


{# A list with an expression of each element, which is `each`. #}
{% macro list_of(values, expression) %} {{ return(adapter.dispatch("list_of")(values, expression)) }} {% endmacro %}


{# The elements of a list for which a condition on `each` is true. #}
{% macro list_where(values, condition) %} {{ return(adapter.dispatch("list_where")(values, condition)) }} {% endmacro %}


{# How many elements a list has; null if it is null. #}
{% macro list_size(values) %} {{ return(adapter.dispatch("list_size")(values)) }} {% endmacro %}


{# The first element of a list; null if there is none. #}
{% macro list_first(values) %} {{ return(adapter.dispatch("list_first")(values)) }} {% endmacro %}


{# Joins to each row of file_rows the claimed interval that has its id. #}
{% macro join_claimed_intervals(by_partition) %}
    {{ return(adapter.dispatch("join_claimed_intervals")(by_partition)) }}
{% endmacro %}


{#
    The folder or s3:// prefix of this build: what it reads is listed there, and its Parquet files go there. It is that of
    GAMELAKE_GENERATION, or one that include/gamelake/marts/dbt_plugin.py has opened.
#}
{% macro generation() %} {{ return(adapter.dispatch("generation")()) }} {% endmacro %}


{% macro create_input_tables(path) %} {% do adapter.dispatch("create_input_tables")(path) %} {% endmacro %}


{#
    The statement that makes a table of the ranks in the last published marts, those built with the vars of this build: a
    file of other vars, or one that does not say, ranks other games or by other scores.
#}
{% macro create_previous_ranks() %} {{ return(adapter.dispatch("create_previous_ranks")()) }} {% endmacro %}


{# The statement that makes a table of the rows of fct_model_runs in the last published marts. #}
{% macro create_previous_model_runs() %} {{ return(adapter.dispatch("create_previous_model_runs")()) }} {% endmacro %}


{# The statement that makes a view of a source table's files; of no files, an empty one with the same columns. #}
{% macro create_raw_view(table, urls) %} {{ return(adapter.dispatch("create_raw_view")(table, urls)) }} {% endmacro %}


{# The statement that makes a view of the files of a table's change feed; of no files, an empty one. #}
{% macro create_feed_view(table, urls) %} {{ return(adapter.dispatch("create_feed_view")(table, urls)) }} {% endmacro %}


{# Runs statements that return nothing. On DuckDB they are one query: dbt takes longer for a query than DuckDB. #}
{% macro run_statements(statements) %} {% do adapter.dispatch("run_statements")(statements) %} {% endmacro %}

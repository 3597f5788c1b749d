{# RAWG's four ratings: their numbers, and what they are called. A game's rating is the mean of the numbers. #}
{% macro rawg_votes() %} {{ return({5: "exceptional", 4: "recommended", 3: "meh", 1: "skip"}) }} {% endmacro %}


{# The lists that a user of RAWG can add a game to. #}
{% macro rawg_statuses() %} {{ return(["yet", "owned", "beaten", "toplay", "dropped", "playing"]) }} {% endmacro %}


{# A staging model of one of RAWG's reference lists, with more columns than each list has. #}
{% macro stage_rawg_list(table, columns=[]) %}
    with current_rows as ({{ current_rows("rawg", table) }})

    select
        id,
        {{ text("name") }} as name,
        {{ text("slug") }} as slug,
        games_count
        {%- for column in columns %}, {{ column }}{% endfor %}
    from current_rows
{% endmacro %}

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
        {{ count_of("games_count") }} as games_count
        {%- for column in columns %}, {{ column }}{% endfor %}
    from current_rows
{% endmacro %}


{# What a page that shows a row of RAWG has to name, with an active link; RAWG's terms ask for both. #}
{% macro attribution(url="'https://rawg.io'") %} 'RAWG' as attribution, {{ url }} as attribution_url {% endmacro %}


{% macro rawg_game_url(slug) %} 'https://rawg.io/games/' || {{ slug }} {% endmacro %}


{# RAWG's stores, by their ids: the start of the names of columns. #}
{% macro rawg_stores() %}
    {{
        return(
            {
                1: "steam",
                2: "xbox",
                3: "playstation",
                4: "app_store",
                5: "gog",
                6: "nintendo",
                7: "xbox_360",
                8: "google_play",
                9: "itch",
                11: "epic",
            }
        )
    }}
{% endmacro %}

{# IGDB's popularity types, by id. #}
{% macro popularity_metrics() %}
    {{
        return(
            {
                1: "visits",
                2: "want_to_play",
                3: "playing",
                4: "played",
                5: "steam_24hr_peak_players",
                6: "steam_positive_reviews",
                7: "steam_negative_reviews",
                8: "steam_total_reviews",
                9: "steam_global_top_sellers",
                10: "steam_most_wishlisted",
                34: "twitch_24hr_hours_watched",
            }
        )
    }}
{% endmacro %}


{# The column that has a metric in whole users, reviews, players or hours. #}
{% macro popularity_counts() %}
    {{
        return(
            {
                "visits": "visit_count",
                "want_to_play": "want_to_play_users",
                "playing": "playing_users",
                "played": "played_users",
                "steam_24hr_peak_players": "steam_peak_players",
                "steam_positive_reviews": "steam_positive_count",
                "steam_negative_reviews": "steam_negative_count",
                "steam_total_reviews": "steam_review_count",
                "steam_global_top_sellers": "steam_top_seller_points",
                "steam_most_wishlisted": "steam_wishlist_points",
                "twitch_24hr_hours_watched": "twitch_hours_watched",
            }
        )
    }}
{% endmacro %}


{# Days over which growth is measured, and the metrics that it is measured of. #}
{% macro growth_spans() %} {{ return([7, 28]) }} {% endmacro %}


{% macro growth_metrics() %}
    {{
        return(
            [
                "visits",
                "want_to_play",
                "playing",
                "steam_24hr_peak_players",
                "steam_global_top_sellers",
                "twitch_24hr_hours_watched",
            ]
        )
    }}
{% endmacro %}


{#
    One row per game of a relation that has a value: of each of the columns the share (0 to 100) of the other known values
    that are smaller. 0 for the smallest, 100 for the only largest, equal values alike. An unknown value has no percentile
    and takes no part in those of others.
    columns: the name of each percentile, and the column that it is of.
#}
{% macro percentiles(relation, columns) %}
    -- the values in one narrow column: to sort each column of wide rows costs ten times as much
    select
        game_id,
        {% for name in columns %}
            max(percentile) filter (where place = {{ loop.index }}) as {{ name }} {{ "," if not loop.last }}
        {% endfor %}
    from
        (
            select game_id, place, 100 * percent_rank() over (partition by place order by value) as percentile
            from
                (
                    {% for column in columns.values() %}
                        select game_id, {{ loop.index }} as place, {{ column }} as value
                        from {{ relation }}
                        where {{ column }} is not null {{ "union all" if not loop.last }}
                    {% endfor %}
                ) as known_values
        ) as ranked_values
    group by game_id
{% endmacro %}


{#
    The mean of the known parts, with their weights made to add up to 1 again; null if none is known.
    parts: a list of (weight, expression) pairs.
#}
{% macro weighted_mean(parts) %}
    ({% for weight, part in parts %}coalesce({{ weight }} * {{ part }}, 0) {{ "+" if not loop.last }} {% endfor %})
    / nullif({{ available_weight(parts) }}, 0)
{% endmacro %}


{# The weight of the known parts: 1 if all are known. #}
{% macro available_weight(parts) %}
    ({% for weight, part in parts %}if({{ part }} is null, 0, {{ weight }}) {{ "+" if not loop.last }} {% endfor %})
{% endmacro %}


{# The lower end of the 95 % interval of a share of so many (Wilson, 1927). #}
{% macro wilson_lower_bound(share, total) %}
    (
        {{ share }}
        + 1.9208 / {{ total }}
        - 1.96 * sqrt({{ share }} * (1 - {{ share }}) / {{ total }} + 0.9604 / ({{ total }} * {{ total }}))
    )
    / (1 + 3.8416 / {{ total }})
{% endmacro %}

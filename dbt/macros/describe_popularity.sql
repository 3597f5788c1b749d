{#
    Popularity values with what they measure and whose figure it is. The metric's own source decides; the value's is used
    while its type is unknown. Twitch was source 6 once and is 14 now.
#}
{% macro describe_popularity(current_rows) %}
    select
        value_rows.id,
        value_rows.game_id,
        value_rows.popularity_type,
        value_rows.value,
        -- sums of sane values stay finite; not a number is larger than any
        coalesce(
            value_rows.game_id is not null and value_rows.popularity_type is not null and abs(value_rows.value) < 1e300,
            false
        ) as is_usable,
        types.name as popularity_type_name,
        coalesce(types.external_popularity_source, value_rows.external_popularity_source) as external_popularity_source,
        case
            coalesce(types.external_popularity_source, value_rows.external_popularity_source)
            when 121
            then 'IGDB'
            when 1
            then 'Steam'
            when 14
            then 'Twitch'
            when 6
            then 'Twitch'
            else 'Unknown'
        end as data_source,
        case
            when value_rows.popularity_type between 1 and 4
            then 'User Engagement'
            when value_rows.popularity_type between 5 and 8
            then 'Steam Metrics'
            when value_rows.popularity_type between 9 and 10
            then 'Steam Wishlist'
            when value_rows.popularity_type = 34
            then 'Streaming'
            else 'Other'
        end as metric_category,
        {{ utc("value_rows.calculated_at") }} as calculated_at,
        cast(value_rows._partition as date) as day,
        {{ out_of_range(times=["value_rows.calculated_at"]) }} as out_of_range_values
    from {{ current_rows }} as value_rows
    left join {{ ref("stg_igdb__popularity_types") }} as types on value_rows.popularity_type = types.id
{% endmacro %}

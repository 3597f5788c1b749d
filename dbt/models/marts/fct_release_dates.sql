{% set regions = {
    1: "europe",
    2: "north_america",
    3: "australia",
    4: "new_zealand",
    5: "japan",
    6: "china",
    7: "asia",
    8: "worldwide",
    9: "korea",
    10: "brazil",
} %}

select
    releases.id as release_date_id,
    releases.game_id,
    releases.platform_id,
    platforms.name as platform_name,
    case
        releases.release_region {% for id, name in regions.items() %} when {{ id }} then '{{ name }}' {% endfor %}
    end as release_region,
    releases.released_at as release_date,
    case
        when releases.date_format = 0
        then 'day'
        when releases.date_format = 1
        then 'month'
        when releases.date_format between 3 and 6
        then 'quarter'
        when releases.date_format = 2
        then 'year'
    end as date_precision,
    releases.year as release_year
from ({{ release_dates() }}) as releases
-- IGDB deletes games whose release dates stay behind; the tests of staging count them
semi join {{ ref("dim_games") }} as games on releases.game_id = games.game_id
left join {{ ref("stg_igdb__platforms") }} as platforms on releases.platform_id = platforms.id

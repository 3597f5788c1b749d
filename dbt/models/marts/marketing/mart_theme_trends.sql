with themes as (select unnest(theme_names) as theme from {{ ref("dim_games") }} where is_main_game)

select theme, count(*) as count,
from themes
group by theme
order by count desc, theme
limit 50

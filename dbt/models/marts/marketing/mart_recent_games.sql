with games as (select * from {{ ref("dim_games") }} where is_main_game), run as (select * from {{ ref("stg_run") }})

select
    games.game_name,
    games.first_release_date,
    games.platform_names,
    games.genre_names,
    games.game_summary,
    games.cover,
    games.url,
    games.game_id,
from games
cross join run
where games.first_release_date < run.day + interval 1 day
order by games.first_release_date desc, games.game_id
limit 50

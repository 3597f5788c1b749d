select
    game_id as rawg_game_id,
    {% for store_id, name in rawg_stores().items() %}
        min(case when store_id = {{ store_id }} then url end) as {{ name }}_url {{ "," if not loop.last }}
    {% endfor %}
from {{ ref("stg_rawg__game_stores") }}
where url is not null
group by game_id

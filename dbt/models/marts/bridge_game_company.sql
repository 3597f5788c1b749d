with
    involved as (select * from {{ ref("stg_igdb__involved_companies") }}),

    roles as (
        {% for role in ["developer", "publisher", "porting", "supporting"] %}
            select game_id, company_id, '{{ role }}' as role
            from involved
            where {{ role }} {{ "union" if not loop.last }}
        {% endfor %}
    )

select roles.game_id, roles.company_id, roles.role
from roles
-- IGDB deletes games and companies whose involvements stay behind; the tests of staging count them
semi join {{ ref("dim_games") }} as games on roles.game_id = games.game_id
semi join {{ ref("stg_igdb__companies") }} as companies on roles.company_id = companies.id

{% set tables = {
    "collection": "stg_igdb__collections",
    "franchise": "stg_igdb__franchises",
    "game": "stg_igdb__games",
    "game_mode": "stg_igdb__game_modes",
    "game_status": "stg_igdb__game_statuses",
    "game_type": "stg_igdb__game_types",
    "genre": "stg_igdb__genres",
    "platform": "stg_igdb__platforms",
    "player_perspective": "stg_igdb__player_perspectives",
    "theme": "stg_igdb__themes",
} %}

{% for kind, table in tables.items() %}
    select '{{ kind }}' as kind, id, name
    from {{ ref(table) }}
    where name is not null
    union all
{% endfor %}
select 'involved_company' as kind, involved.id, companies.name
from {{ ref("stg_igdb__involved_companies") }} as involved
join {{ ref("stg_igdb__companies") }} as companies on involved.company_id = companies.id
where companies.name is not null

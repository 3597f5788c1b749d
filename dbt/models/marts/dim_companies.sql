with
    companies as (select * from {{ ref("stg_igdb__companies") }}),

    games as (
        select
            company_id,
            count(*) filter (where role = 'developer') as developed_games,
            count(*) filter (where role = 'publisher') as published_games
        from {{ ref("bridge_game_company") }}
        group by company_id
    ),

    countries as ({{ countries() }})

select
    companies.id as company_id,
    companies.name as company_name,
    case
        when count(*) over (partition by companies.name) > 1
        then companies.name || ' (#' || companies.id || ')'
        else companies.name
    end as display_name,
    companies.slug as company_slug,
    companies.description as company_description,
    companies.country,
    countries.country_code,
    countries.country_name,
    companies.parent as parent_company_id,
    parents.name as parent_company_name,
    companies.changed_company_id,
    companies.start_date,
    coalesce(games.developed_games, 0) as developed_games,
    coalesce(games.published_games, 0) as published_games,
    companies.url,
    companies.created_at,
    companies.updated_at
from companies
left join companies as parents on companies.parent = parents.id
left join games on companies.id = games.company_id
left join countries on companies.country = countries.country

{% set lists = {"store": "stores", "genre": "genres", "platform": "platforms"} %}
with
    run as (select day from {{ ref("stg_run") }}),

    members as (
        {% for category, members in lists.items() %}
            select '{{ category }}' as category, members.id as category_id, games.*
            from {{ ref("int_rawg_games") }} as games
            cross join lateral unnest(games.{{ members }}) as members(id) {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    figures as (
        select
            members.category,
            members.category_id,
            count(*) as games,
            -- a date in the future is a plan
            count(case when members.released between run.day - 364 and run.day then 1 end) as released_in_a_year,
            count(members.rating) as rated_games,
            round(median(members.rating), 3) as median_rating,
            count(members.metacritic) as scored_games,
            median(members.metacritic) as median_metacritic,
            median(members.playtime) as median_playtime,
            cast(sum(members.added) as bigint) as added,
            {% for status in rawg_statuses() %}
                cast(sum(members.added_{{ status }}) as bigint) as added_{{ status }},
            {% endfor %}
            max(run.day) as day
        from members
        cross join run
        group by members.category, members.category_id
    ),

    names as (
        {% for category, members in lists.items() %}
            select '{{ category }}' as category, id as category_id, name, games_count
            from {{ ref("stg_rawg__" ~ members) }} {{ "union all" if not loop.last }}
        {% endfor %}
    )

select
    figures.category,
    figures.category_id,
    -- the lists are read once a week: a new store has no name before
    coalesce(names.name, figures.category || ' ' || figures.category_id) as name,
    figures.games,
    names.games_count as rawg_games_count,
    figures.released_in_a_year,
    figures.rated_games,
    figures.median_rating,
    figures.scored_games,
    figures.median_metacritic,
    figures.median_playtime,
    figures.added,
    {% for status in rawg_statuses() %} figures.added_{{ status }}, {% endfor %}
    figures.day,
    {{ attribution() }}
from figures
left join names on figures.category = names.category and figures.category_id = names.category_id

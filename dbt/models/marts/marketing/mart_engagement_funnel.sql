{% set steps = ["visit_count", "want_to_play_users", "playing_users", "played_users"] %}

with
    games as ({{ rankable_games() }}),

    popular as (
        select
            cast(games.game_id as string) as game_key,
            games.display_name,
            games.theme_names,
            games.genre_names,
            games.platform_names,
            games.release_year,
            {% for step in steps %} popularity.{{ step ~ ("," if not loop.last) }} {% endfor %}
        from games
        join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        where coalesce({% for step in steps %}popularity.{{ step ~ ("," if not loop.last) }} {% endfor %}) is not null
    ),

    members as (
        select
            'game' as category,
            game_key as member,
            display_name as name,
            {% for step in steps %} {{ step ~ ("," if not loop.last) }} {% endfor %}
        from popular
        union all
        select
            'release_year',
            cast(release_year as string),
            cast(release_year as string),
            {% for step in steps %} {{ step ~ ("," if not loop.last) }} {% endfor %}
        from popular
        where release_year is not null
        union all
        select category, name, name, {% for step in steps %} {{ step ~ ("," if not loop.last) }} {% endfor %}
        from ({{ game_categories("popular") }}) as categories
    ),

    sums as (
        select
            category,
            member,
            name,
            count(*) as games,
            {% for step in steps %} cast(sum({{ step }}) as bigint) as {{ step ~ ("," if not loop.last) }} {% endfor %}
        from members
        group by category, member, name
    )

select
    sums.category,
    sums.member,
    sums.name,
    sums.games,
    {% for step in steps %} sums.{{ step }}, {% endfor %}
    {% for step, next, ratio in [
        ("visit_count", "want_to_play_users", "want_to_play_per_visit"),
        ("want_to_play_users", "playing_users", "playing_per_want_to_play"),
        ("playing_users", "played_users", "played_per_playing"),
    ] %}
        case
            when sums.{{ step }} >= {{ setting("growth_minimum_count") }}
            then sums.{{ next }} / cast(sums.{{ step }} as double)
        end as {{ ratio }},
    {% endfor %}
    case
        when sums.want_to_play_users + sums.playing_users + sums.played_users >= {{ setting("growth_minimum_count") }}
        then
            (sums.playing_users + sums.played_users)
            / cast(sums.want_to_play_users + sums.playing_users + sums.played_users as double)
    end as started_share,
    run.day
from sums
cross join {{ ref("stg_run") }} as run

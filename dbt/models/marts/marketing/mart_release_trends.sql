with
    games as ({{ rankable_games() }}),

    released as (
        select
            games.theme_names,
            games.genre_names,
            games.platform_names,
            games.release_year,
            popularity.want_to_play_users,
            popularity.playing_users,
            popularity.played_users
        from games
        left join {{ ref("fct_game_popularity") }} as popularity on games.game_id = popularity.game_id
        where games.release_year is not null
    ),

    members as ({{ game_categories("released") }})

select
    members.category,
    members.name,
    cast(members.release_year as bigint) as release_year,
    count(*) as games,
    cast(sum(members.want_to_play_users) as bigint) as want_to_play_users,
    cast(sum(members.playing_users) as bigint) as playing_users,
    cast(sum(members.played_users) as bigint) as played_users,
    run.day
from members
cross join {{ ref("stg_run") }} as run
group by members.category, members.name, members.release_year, run.day

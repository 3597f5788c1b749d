-- of several rows of a kind, the oldest counts
with
    websites as (
        select
            game_id,
            min_by(steam_app_id, id) filter (where steam_app_id is not null) as steam_app_id,
            min_by(url, id) filter (where type = 13) as steam_url,
            min_by(url, id) filter (where type = 1) as official_url,
            min_by(url, id) filter (where type = 17) as gog_url,
            min_by(url, id) filter (where type = 16) as epic_url
        from {{ ref("stg_igdb__websites") }}
        where game_id is not null and url is not null
        group by game_id
    ),

    external_games as (
        select
            game_id,
            min_by(steam_app_id, id) filter (where steam_app_id is not null) as steam_app_id,
            min_by(url, id) filter (where external_game_source = 5 and url is not null) as gog_url,
            min_by(url, id) filter (where external_game_source = 26 and url is not null) as epic_url
        from {{ ref("stg_igdb__external_games") }}
        where game_id is not null
        group by game_id
    ),

    links as (
        select
            coalesce(websites.game_id, external_games.game_id) as game_id,
            coalesce(websites.steam_app_id, external_games.steam_app_id) as steam_app_id,
            websites.steam_url,
            websites.official_url,
            coalesce(websites.gog_url, external_games.gog_url) as gog_url,
            coalesce(websites.epic_url, external_games.epic_url) as epic_url
        from websites
        full join external_games on websites.game_id = external_games.game_id
    )

select
    game_id,
    steam_app_id,
    coalesce(steam_url, 'https://store.steampowered.com/app/' || steam_app_id) as steam_url,
    official_url,
    gog_url,
    epic_url
from links

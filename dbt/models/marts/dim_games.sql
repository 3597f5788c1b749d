{% set is_releasable %}
coalesce(games.game_status not in ({{ setting("unreleasable_game_statuses") | join(", ") }}), true)
{% endset %}

with
    named as (
        select
            games.id,
            any_value(games.name) as name,
            coalesce(any_value(year(games.first_release_date)), min(releases.year)) as release_year,
            min(
                case when releases.release_region = 9 and releases.date_format = 0 then releases.released_at end
            ) as korean_release_date,
            -- the same date may be known to the day on one platform, and as a year on another
            min(
                case
                    when coalesce(releases.released_at <> games.first_release_date, true)
                    then null
                    when releases.date_format = 0
                    then 1
                    when releases.date_format = 1
                    then 2
                    when releases.date_format between 3 and 6
                    then 3
                    when releases.date_format = 2
                    then 4
                end
            ) as date_precision,
            -- the game that it is an edition of, or a remaster (9), an expanded game (10) or a port (11)
            any_value(
                coalesce(games.version_parent, case when games.game_type in (9, 10, 11) then games.parent_game end)
            ) as edition_of
        from {{ ref("stg_igdb__games") }} as games
        left join {{ ref("stg_igdb__release_dates") }} as releases on games.id = releases.game_id
        where games.name is not null
        group by games.id
    ),

    repeated_names as (select name from named group by name having count(*) > 1),

    repeated_years as (select name, release_year from named group by name, release_year having count(*) > 1),

    identities as (
        select
            named.id,
            named.release_year,
            named.korean_release_date,
            case
                when repeated_names.name is null
                then named.name
                when named.release_year is null
                then named.name || ' (#' || named.id || ')'
                when repeated_years.name is null
                then named.name || ' (' || named.release_year || ')'
                else named.name || ' (' || named.release_year || ', #' || named.id || ')'
            end as display_name,
            case
                named.date_precision when 1 then 'day' when 2 then 'month' when 3 then 'quarter' when 4 then 'year'
            end as release_date_precision,
            coalesce(originals.edition_of, named.edition_of, named.id) as original_game_id
        from named
        left join named as originals on named.edition_of = originals.id
        left join repeated_names on named.name = repeated_names.name
        left join
            repeated_years on named.name = repeated_years.name and named.release_year = repeated_years.release_year
    ),

    makers as (
        select
            involved.game_id,
            count(case when involved.developer then 1 end) as developers,
            count(case when involved.publisher then 1 end) as publishers,
            {{ sorted_set("array_agg(case when involved.developer then companies.name end)") }} as developer_names,
            {{ sorted_set("array_agg(case when involved.publisher then companies.name end)") }} as publisher_names
        from {{ ref("stg_igdb__involved_companies") }} as involved
        join {{ ref("stg_igdb__companies") }} as companies on involved.company_id = companies.id
        where (involved.developer or involved.publisher) and companies.name is not null
        group by involved.game_id
    ),

    abbreviations as (
        {{ names_of_sets("platforms", "stg_igdb__platforms", "coalesce(dimension.abbreviation, dimension.name)") }}
    ),

    platforms as ({{ names_of_sets("platforms", "stg_igdb__platforms") }}),

    genres as ({{ names_of_sets("genres", "stg_igdb__genres") }}),

    game_modes as ({{ names_of_sets("game_modes", "stg_igdb__game_modes") }}),

    themes as ({{ names_of_sets("themes", "stg_igdb__themes") }}),

    perspectives as ({{ names_of_sets("player_perspectives", "stg_igdb__player_perspectives") }}),

    franchises as ({{ names_of_sets("franchises", "stg_igdb__franchises") }}),

    collections as ({{ names_of_sets("collections", "stg_igdb__collections") }})

select
    games.id as game_id,
    games.name as game_name,
    games.slug as game_slug,
    games.summary as game_summary,
    platforms.names as platform_names,
    genres.names as genre_names,
    game_modes.names as game_mode_names,
    themes.names as theme_names,
    perspectives.names as perspective_names,
    games.url,
    games.cover,
    games.hypes,
    games.aggregated_rating,
    games.aggregated_rating_count,
    games.first_release_date,
    games.created_at,
    games.updated_at,
    games.game_type,
    games.game_status,
    coalesce(games.game_type in ({{ setting("main_game_types") | join(", ") }}), true)
    and {{ is_releasable }} as is_main_game,
    game_types.name as game_type_name,
    game_statuses.name as game_status_name,
    games.parent_game as parent_game_id,
    'https://images.igdb.com/igdb/image/upload/t_cover_big/' || covers.image_id || '.jpg' as cover_url,
    games.rating,
    games.rating_count,
    games.total_rating,
    identities.release_year,
    games.platforms as platform_ids,
    games.genres as genre_ids,
    games.game_modes as game_mode_ids,
    games.themes as theme_ids,
    games.player_perspectives as perspective_ids,
    games.franchises as franchise_ids,
    franchises.names as franchise_names,
    games.collections as collection_ids,
    collections.names as collection_names,
    identities.display_name,
    identities.release_date_precision,
    identities.korean_release_date,
    identities.original_game_id,
    abbreviations.names as platform_abbreviations,
    case when makers.developers > 0 then makers.developer_names end as developer_names,
    case when makers.publishers > 0 then makers.publisher_names end as publisher_names,
    {{ is_releasable }} as is_releasable
from {{ ref("stg_igdb__games") }} as games
join identities on games.id = identities.id
left join platforms on games.platforms = platforms.ids
left join genres on games.genres = genres.ids
left join game_modes on games.game_modes = game_modes.ids
left join themes on games.themes = themes.ids
left join perspectives on games.player_perspectives = perspectives.ids
left join franchises on games.franchises = franchises.ids
left join collections on games.collections = collections.ids
left join abbreviations on games.platforms = abbreviations.ids
left join makers on games.id = makers.game_id
left join {{ ref("stg_igdb__game_types") }} as game_types on games.game_type = game_types.id
left join {{ ref("stg_igdb__game_statuses") }} as game_statuses on games.game_status = game_statuses.id
left join {{ ref("stg_igdb__covers") }} as covers on games.cover = covers.id

{% set is_releasable %}
coalesce(games.game_status not in ({{ setting("unreleasable_game_statuses") | join(", ") }}), true)
{% endset %}

with recursive
    named as (
        select
            id,
            name,
            first_release_date,
            -- the game that it is an edition of, or a remaster (9), an expanded game (10) or a port (11)
            coalesce(version_parent, case when game_type in (9, 10, 11) then parent_game end) as edition_of
        from {{ ref("stg_igdb__games") }}
        where name is not null
    ),

    -- From the originals to their editions, and on to the editions of these. Games of a circle are their own originals.
    editions as (
        select editions.id, editions.edition_of as original_game_id
        from named as editions
        left join named as originals on editions.edition_of = originals.id
        where editions.edition_of is not null and originals.edition_of is null
        union all
        select named.id, editions.original_game_id
        from editions
        join named on editions.id = named.edition_of
    ),

    release_dates as ({{ release_dates() }}),

    releases as (
        select
            game_id,
            min(year) as first_year,
            min(case when release_region = 9 and date_format = 0 then released_at end) as korean_release_date
        from release_dates
        group by game_id
    ),

    -- the same date may be known to the day on one platform, and as a year on another
    precisions as (
        select
            named.id,
            min(
                case
                    when releases.date_format = 0
                    then 1
                    when releases.date_format = 1
                    then 2
                    when releases.date_format between 3 and 6
                    then 3
                    when releases.date_format = 2
                    then 4
                end
            ) as place
        from release_dates as releases
        join named on releases.game_id = named.id and releases.released_at = named.first_release_date
        group by named.id
    ),

    dated as (
        select
            named.id,
            named.name,
            coalesce(year(named.first_release_date), releases.first_year) as release_year,
            releases.korean_release_date,
            case
                precisions.place when 1 then 'day' when 2 then 'month' when 3 then 'quarter' when 4 then 'year'
            end as release_date_precision,
            coalesce(editions.original_game_id, named.id) as original_game_id
        from named
        left join releases on named.id = releases.game_id
        left join precisions on named.id = precisions.id
        left join editions on named.id = editions.id
    ),

    names as (select name, count(*) as games from named group by name),

    repeated as (
        select
            dated.id,
            dated.release_year,
            count(*) over (partition by dated.name, dated.release_year) as games_of_year,
            taken.name is not null as is_taken
        from dated
        join names on dated.name = names.name and names.games > 1
        -- a game may be named `Doom (1993)`
        left join names as taken on dated.name || ' (' || dated.release_year || ')' = taken.name
    ),

    -- what tells a game from others of its name
    marks as (
        select
            id,
            case
                when release_year is null
                then '#' || id
                when games_of_year = 1 and not is_taken
                then cast(release_year as string)
                else release_year || ', #' || id
            end as mark
        from repeated
    ),

    makers as (
        select
            involved.game_id,
            -- Spark makes an empty list of no rows, DuckDB null
            {% for role in ("developer", "publisher") %}
                case
                    when count(*) filter (where involved.{{ role }}) > 0
                    then {{ sorted_set("array_agg(companies.name) filter (where involved." ~ role ~ ")") }}
                end as {{ role }}_names {{ "," if not loop.last }}
            {% endfor %}
        from {{ ref("stg_igdb__involved_companies") }} as involved
        join {{ ref("stg_igdb__companies") }} as companies on involved.company_id = companies.id
        where (involved.developer or involved.publisher) and companies.name is not null
        group by involved.game_id
    ),

    korean_titles as (
        select titles.game_id, min_by(titles.name, titles.id) as name
        from {{ ref("stg_igdb__game_localizations") }} as titles
        join {{ ref("stg_igdb__regions") }} as regions on titles.region_id = regions.id
        where regions.identifier = 'ko-KR' and titles.name is not null
        group by titles.game_id
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
    dated.release_year,
    games.platforms as platform_ids,
    games.genres as genre_ids,
    games.game_modes as game_mode_ids,
    games.themes as theme_ids,
    games.player_perspectives as perspective_ids,
    games.franchises as franchise_ids,
    franchises.names as franchise_names,
    games.collections as collection_ids,
    collections.names as collection_names,
    coalesce(games.name || ' (' || marks.mark || ')', games.name) as display_name,
    dated.release_date_precision,
    dated.korean_release_date,
    dated.original_game_id,
    abbreviations.names as platform_abbreviations,
    makers.developer_names,
    makers.publisher_names,
    {{ is_releasable }} as is_releasable,
    korean_titles.name as name_ko,
    links.steam_app_id,
    links.steam_url,
    links.official_url,
    links.gog_url,
    links.epic_url
from {{ ref("stg_igdb__games") }} as games
left join platforms on games.platforms = platforms.ids
left join abbreviations on games.platforms = abbreviations.ids
left join genres on games.genres = genres.ids
left join game_modes on games.game_modes = game_modes.ids
left join themes on games.themes = themes.ids
left join perspectives on games.player_perspectives = perspectives.ids
left join franchises on games.franchises = franchises.ids
left join collections on games.collections = collections.ids
join dated on games.id = dated.id
left join marks on games.id = marks.id
left join makers on games.id = makers.game_id
left join korean_titles on games.id = korean_titles.game_id
left join {{ ref("int_game_links") }} as links on games.id = links.game_id
left join {{ ref("stg_igdb__game_types") }} as game_types on games.game_type = game_types.id
left join {{ ref("stg_igdb__game_statuses") }} as game_statuses on games.game_status = game_statuses.id
left join {{ ref("stg_igdb__covers") }} as covers on games.cover = covers.id

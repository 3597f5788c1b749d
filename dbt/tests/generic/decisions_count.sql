{#
    Every hand-made decision counts: its games are there, its word is `same` or `different`, and no other one contradicts it. The
    others are a warning with their number, so that a wrong id stops no night. Without games of RAWG none can count.
#}
{% test decisions_count(model) %}
    {{ config(severity="warn") }}

    select decisions.igdb_game_id, decisions.rawg_game_id, decisions.decision
    from {{ ref("game_match_decisions") }} as decisions
    left join {{ ref("dim_games") }} as games on try_cast(decisions.igdb_game_id as bigint) = games.game_id
    left join {{ ref("stg_rawg__games") }} as rawg_games on try_cast(decisions.rawg_game_id as bigint) = rawg_games.id
    left join
        {{ model }} as matches
        on games.game_id = matches.igdb_game_id
        and rawg_games.id = matches.rawg_game_id
        and matches.method = 'decision'
    where
        exists (select 1 from {{ ref("stg_rawg__games") }})
        and (
            games.game_id is null
            or rawg_games.id is null
            or coalesce(lower(trim(decisions.decision)) not in ('same', 'different'), true)
            or (lower(trim(decisions.decision)) = 'same' and matches.igdb_game_id is null)
        )
{% endtest %}

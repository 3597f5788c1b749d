-- A row's times of change and its hash change with everything else: they are no news.
with
    changes as (select * from {{ ref("stg_feeds__igdb_games") }}),

    updates as (
        select
            changes.version,
            changes.game_id,
            changes.game_name,
            changes.change,
            changes.changed_at,
            fields.field,
            {{ json_member_named("changes.before", "fields.field") }} as before_value,
            {{ json_member_named("changes.after", "fields.field") }} as after_value
        from changes
        cross join lateral unnest(changes.changed_fields) as fields(field)
        where changes.change = 'updated' and fields.field not in ('updated_at', 'checksum')
    ),

    whole_games as (
        select
            version,
            game_id,
            game_name,
            change,
            changed_at,
            'game' as field,
            case when change = 'deleted' then coalesce(game_name, '#' || game_id) end as before_value,
            case when change = 'created' then coalesce(game_name, '#' || game_id) end as after_value
        from changes
        where change <> 'updated'
    )

select
    *,
    case
        field
        {% for field, (label, kind) in game_change_fields().items() %} when '{{ field }}' then '{{ kind }}' {% endfor %}
        else 'text'
    end as kind
from
    (
        select *
        from updates
        union all
        select *
        from whole_games
    ) as fields

{% set kinds = "('" ~ kinds_of_ids() | join("', '") ~ "')" %}

with
    changes as (select * from {{ ref("int_game_changes") }}),

    -- a field of one id is a list of one
    members as (
        {% for side in ("before", "after") %}
            select distinct changes.version, changes.game_id, changes.field, changes.kind, '{{ side }}' as side, ids.id
            from
                (
                    select
                        *,
                        case
                            when {{ side }}_value like '[%' then {{ side }}_value else '[' || {{ side }}_value || ']'
                        end as ids
                    from changes
                    where kind in {{ kinds }} and {{ side }}_value is not null
                ) as changes
            cross join lateral unnest({{ json_list("changes.ids", "bigint") }}) as ids(id)
            where ids.id is not null {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    named as (
        select
            members.*,
            coalesce(names.name, '#' || members.id) as name,
            count(*) over (partition by members.version, members.game_id, members.field, members.id) as sides
        from members
        left join {{ ref("int_igdb_names") }} as names on members.kind = names.kind and members.id = names.id
    ),

    sets as (
        select
            version,
            game_id,
            field,
            -- Spark makes an empty list of no rows, DuckDB null
            {% for column, condition in {
                "before_names": "side = 'before'",
                "after_names": "side = 'after'",
                "added_names": "side = 'after' and sides = 1",
                "removed_names": "side = 'before' and sides = 1",
            }.items() %}
                case
                    when count(*) filter (where {{ condition }}) > 0
                    then {{ sorted_set("array_agg(name) filter (where " ~ condition ~ ")") }}
                end as {{ column }} {{ "," if not loop.last }}
            {% endfor %}
        from named
        group by version, game_id, field
    )

select
    changes.game_id,
    changes.version,
    changes.field,
    changes.game_name,
    changes.change,
    case
        changes.field
        {% for field, (label, kind) in game_change_fields().items() %}
            when '{{ field }}' then '{{ label }}'
        {% endfor %}
        else changes.field
    end as field_name,
    {% for side in ("before", "after") %}
        case
            when changes.kind = 'rating'
            then
                coalesce(
                    cast(round(try_cast(changes.{{ side }}_value as double), 4) as string), changes.{{ side }}_value
                )
            when changes.kind = 'date'
            then
                coalesce(
                    cast(cast({{ utc("try_cast(changes." ~ side ~ "_value as bigint)") }} as date) as string),
                    changes.{{ side }}_value
                )
            when changes.kind in {{ kinds }}
            then {{ joined("sets." ~ side ~ "_names") }}
            else changes.{{ side }}_value
        end as {{ side }}_value,
    {% endfor %}
    sets.added_names,
    sets.removed_names,
    steps.day,
    steps.committed_at,
    changes.changed_at
from changes
join {{ ref("stg_feed_steps") }} as steps on changes.version = steps.to_version
left join sets on changes.version = sets.version and changes.game_id = sets.game_id and changes.field = sets.field

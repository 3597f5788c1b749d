with
    current_rows as ({{ current_rows("rawg", "game_details") }}),

    detail_rows as (
        select
            *,
            {{ json_list("alternative_names", "varchar") }} as other_names,
            {{ json_list("developers", {"id": "bigint", "name": "varchar"}) }} as developer_rows,
            {{ json_list("publishers", {"id": "bigint", "name": "varchar"}) }} as publisher_rows
        from current_rows
    )

select
    id,
    coalesce(is_missing, false) as is_missing,
    {{ text("name") }} as name,
    {{ text("name_original") }} as name_original,
    {{ sorted_set(list_of("other_names", text("each"))) }} as alternative_names,
    {% for company in ["developer", "publisher"] %}
        {{ sorted_set(list_of(company ~ "_rows", "each.id")) }} as {{ company }}s,
        {{ sorted_set(list_of(company ~ "_rows", text("each.name"))) }} as {{ company }}_names,
    {% endfor %}
    {{ text("metacritic_url") }} as metacritic_url,
    {{ text("website") }} as website,
    {{ utc("updated_at") }} as updated_at,
    {{ out_of_range(times=["updated_at"]) }} as out_of_range_values,
    {{
        unreadable(
            lists={
                "alternative_names": "other_names",
                "developers": list_of("developer_rows", "each.id"),
                "publishers": list_of("publisher_rows", "each.id"),
            }
        )
    }} as unreadable_values
from detail_rows

with current_rows as ({{ current_rows("igdb", "companies") }})

select
    id,
    {{ text("name") }} as name,
    {{ text("slug") }} as slug,
    {{ text("description") }} as description,
    country,
    parent,
    changed_company_id,
    {{ utc("change_date") }} as change_date,
    {{ utc("start_date") }} as start_date,
    status,
    {{ sorted_set("developed") }} as developed,
    {{ sorted_set("published") }} as published,
    {{ text("url") }} as url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ text("checksum") }} as checksum,
    {{ out_of_range(times=["change_date", "start_date", "created_at", "updated_at"]) }} as out_of_range_values
from current_rows

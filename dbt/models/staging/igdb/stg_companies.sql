with current_rows as ({{ current_rows("companies") }})

select
    id,
    name,
    slug,
    description,
    country,
    parent,
    changed_company_id,
    {{ utc("change_date") }} as change_date,
    {{ utc("start_date") }} as start_date,
    status,
    {{ id_set("developed") }} as developed,
    {{ id_set("published") }} as published,
    url,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    checksum
from current_rows

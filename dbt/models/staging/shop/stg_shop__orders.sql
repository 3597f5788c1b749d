with current_rows as ({{ current_rows("shop", "orders") }})

select
    id,
    customer_id,
    {{ text("status") }} as status,
    {{ text("currency") }} as currency,
    {{ written_time("ordered_at") }} as ordered_at,
    {{ written_time("updated_at") }} as updated_at
from current_rows

with current_rows as ({{ current_rows("shop", "order_items") }})

select
    id, order_id, game_id, {{ count_of("quantity") }} as quantity, try_cast(unit_price as decimal(12, 2)) as unit_price
from current_rows

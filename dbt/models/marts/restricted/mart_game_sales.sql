with
    sold as (
        select
            items.game_id,
            orders.currency,
            orders.id as order_id,
            orders.status = 'refunded' as is_refunded,
            cast(orders.ordered_at + interval '9' hour as date) as korean_day,
            cast(items.quantity as bigint) as units,
            -- 25 digits: DuckDB multiplies two decimals of 18 or fewer in 64 bits
            cast(cast(items.quantity as decimal(25, 0)) * items.unit_price as decimal(26, 2)) as revenue
        from {{ ref("stg_shop__order_items") }} as items
        -- an item has one order, so that the join repeats no item
        join {{ ref("stg_shop__orders") }} as orders on items.order_id = orders.id
        where
            orders.status in ('paid', 'refunded')
            and orders.currency is not null
            and items.game_id is not null
            and items.quantity is not null
            and items.unit_price is not null
    ),

    sales as (
        select
            game_id,
            currency,
            count(distinct order_id) as orders,
            sum(units) as units,
            sum(revenue) as gross_revenue,
            sum(case when is_refunded then units else 0 end) as refunded_units,
            sum(case when is_refunded then revenue else 0 end) as refunded_revenue,
            min(korean_day) as first_sale_day,
            max(korean_day) as last_sale_day
        from sold
        group by game_id, currency
    )

select
    sales.game_id,
    sales.currency,
    games.game_name,
    cast(sales.orders as bigint) as orders,
    cast(sales.units as bigint) as units,
    cast(sales.gross_revenue as decimal(38, 2)) as gross_revenue,
    cast(sales.refunded_units as bigint) as refunded_units,
    cast(sales.refunded_revenue as decimal(38, 2)) as refunded_revenue,
    cast(sales.gross_revenue - sales.refunded_revenue as decimal(38, 2)) as net_revenue,
    cast(sales.gross_revenue as double) / nullif(sales.units, 0) as average_price,
    sales.first_sale_day,
    sales.last_sale_day
from sales
left join {{ ref("dim_games") }} as games on sales.game_id = games.game_id

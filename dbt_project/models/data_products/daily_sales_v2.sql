with daily as (

    select * from {{ ref('sales_by_day') }}

),

sales as (

    select
        -- ids
        product_id,
        store_id,

        -- numerics
        cast(units_sold - units_returned as decimal(18, 4)) as units_net,
        cast(units_returned as decimal(18, 4)) as units_returned,
        cast(net_revenue as decimal(18, 4)) as net_revenue,
        cast(unit_price as decimal(18, 4)) as unit_price_store_currency,

        -- booleans
        is_promoted,

        -- timestamps
        sold_on,
        last_known_on
    from daily

)

select * from sales

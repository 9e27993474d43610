with accepted as (

    select * from {{ ref('sales_events_accepted') }}

),

events as (

    select
        -- ids
        event_id,
        source,
        store_id,
        product_id,
        customer_key,

        -- text
        currency,

        -- numerics
        cast(quantity as decimal(18, 4)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(net_amount as decimal(18, 4)) as net_amount,

        -- booleans
        is_demand,
        quantity < 0 as is_return,

        -- timestamps
        sold_at,
        sold_on,
        known_on
    from accepted

)

select * from events

-- Periodic review, order up to a level, in whole packs: on each order day we order what is missing
-- from the level that covers lead and review days, given the stock that is then expected.
with

order_days as (

    select * from {{ ref('order_days') }}

),

cover_demand as (

    select * from {{ ref('cover_demand') }}

),

recent_sales as (

    select * from {{ ref('recent_sales') }}

),

needed as (

    select
        order_days.*,
        cover_demand.units_before,
        cover_demand.units_expected,
        cover_demand.units_to_cover,

        -- the sales domain knows no stock: see ordering_rules
        cast(
            order_days.stock_days * coalesce(recent_sales.units_a_day, 0) as decimal(18, 4)
        ) as opening_units

    from order_days
    inner join cover_demand
        on
            order_days.product_id = cover_demand.product_id
            and order_days.store_id = cover_demand.store_id
            and order_days.order_horizon = cover_demand.order_horizon
    left join recent_sales
        on
            order_days.product_id = recent_sales.product_id
            and order_days.store_id = recent_sales.store_id

),

-- Packs that must have been ordered by then. What is ordered is never sent back, so it is the
-- highest need so far; 1e-9, since 1.1 / 0.1 is more than 11 in binary.
ordered as (

    select
        *,
        cast(max(
            greatest(
                0, ceil((units_to_cover + units_before - opening_units) / pack_size - 1e-9)
            )
        ) over (
            partition by product_id, store_id
            order by order_horizon
        ) as integer) as packs_so_far
    from needed

),

orders as (

    select
        *,
        coalesce(
            lag(packs_so_far) over (partition by product_id, store_id order by order_horizon), 0
        ) as packs_before
    from ordered

),

reorder_plan as (

    select
        -- ids
        product_id,
        store_id,
        forecast_version,

        -- numerics
        packs_so_far - packs_before as order_packs,
        cast((packs_so_far - packs_before) * pack_size as decimal(18, 4)) as order_units,
        pack_size,
        service_level,
        units_expected,
        units_to_cover,
        cast(opening_units + packs_before * pack_size - units_before as decimal(18, 4))
            as units_at_hand,

        -- dates
        cast(cutoff_on + order_horizon as date) as order_on,
        cast(cutoff_on + order_horizon + lead_days as date) as arrives_on,
        cast(cutoff_on + order_horizon + lead_days + review_days - 1 as date) as covers_until_on,
        cutoff_on

    from orders

)

select * from reorder_plan

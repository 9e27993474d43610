-- What each order has to last for: the demand from the morning of the order to the evening before
-- the next one arrives, and the level it is ordered up to, the quantile of the sum over these days.
-- Quantiles of days do not add up, so the sum is made of the forecast's sample paths.
with

forecast as (

    select * from {{ source('sales', 'sales_forecast_v1') }}

),

order_days as (

    select * from {{ ref('order_days') }}

),

running as (

    select
        product_id,
        store_id,
        horizon_days,
        units_mean,
        units_paths,
        coalesce(sum(units_mean) over (
            partition by product_id, store_id
            order by horizon_days
            rows between unbounded preceding and 1 preceding
        ), 0) as units_before
    from forecast

),

cover_demand as (

    select
        order_days.product_id,
        order_days.store_id,
        order_days.order_horizon,
        cast(min(running.units_before) as decimal(18, 4)) as units_before,
        cast(sum(running.units_mean) as decimal(18, 4)) as units_expected,

        -- an upper quantile s is the upper bound of the central interval of level 2 s - 1
        cast(
            sales.forecast_interval(running.units_paths, 2 * order_days.service_level - 1).upper
            as decimal(18, 4)
        ) as units_to_cover

    from order_days
    inner join running
        on
            order_days.product_id = running.product_id
            and order_days.store_id = running.store_id
            and running.horizon_days between order_days.order_horizon
            and order_days.order_horizon + order_days.lead_days + order_days.review_days - 1
    group by
        order_days.product_id,
        order_days.store_id,
        order_days.order_horizon,
        order_days.service_level

)

select * from cover_demand

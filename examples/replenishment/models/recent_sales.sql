-- How many units of each series a day has taken from the shelf of late: what the assumed stock is
-- counted in.
with

forecast as (

    select * from {{ source('sales', 'sales_forecast_v1') }}

),

daily_sales as (

    select * from {{ source('sales', 'daily_sales_v2') }}

),

cutoff as (

    select distinct cutoff_on from forecast

),

recent_sales as (

    select
        daily_sales.product_id,
        daily_sales.store_id,

        -- a day without a row sold nothing, or the store was closed
        cast(greatest(sum(daily_sales.units_net), 0) / 28 as decimal(18, 4)) as units_a_day

    from daily_sales
    inner join cutoff
        on daily_sales.sold_on between cutoff.cutoff_on - 27 and cutoff.cutoff_on
    group by all

)

select * from recent_sales

{{ config(materialized='view') }}

with daily_sales as (

    select * from {{ ref('sales_by_day') }}

),

open_days as (

    -- as it is known now
    select * from {{ ref('open_days') }}
    where known_until = date '9999-12-31'

),

series as (

    select
        product_id,
        store_id,
        min(sold_on) as first_sold_on
    from daily_sales
    group by 1, 2

),

dense as (

    -- from the first sale of a series on, an open day without a line sold nothing
    select
        series.product_id,
        series.store_id,
        open_days.day_on as sold_on,
        coalesce(daily_sales.units_sold, 0) as units_sold,
        coalesce(daily_sales.units_returned, 0) as units_returned,
        case
            when daily_sales.sold_on is null then 0
            else daily_sales.net_revenue
        end as net_revenue,
        daily_sales.unit_price,
        coalesce(daily_sales.is_promoted, false) as is_promoted,
        coalesce(daily_sales.lines, 0) as lines
    from series
    inner join open_days
        on
            series.store_id = open_days.store_id
            and series.first_sold_on <= open_days.day_on
    left join daily_sales
        on
            series.product_id = daily_sales.product_id
            and series.store_id = daily_sales.store_id
            and open_days.day_on = daily_sales.sold_on

)

select * from dense

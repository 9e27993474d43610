-- Series that are forecast and never ordered: the forecast ends before an order could be covered,
-- or no rule fits. It also finds a port without a forecast, which would leave nothing to write.
with

forecast as (

    select distinct
        product_id,
        store_id
    from {{ source('sales', 'sales_forecast_v1') }}

),

reorder_plan as (

    select * from {{ ref('reorder_plan') }}

),

never_ordered as (

    select forecast.*
    from forecast
    anti join reorder_plan
        on
            forecast.product_id = reorder_plan.product_id
            and forecast.store_id = reorder_plan.store_id

),

empty_plan as (

    select
        'no product' as product_id,
        'no store' as store_id
    where not exists (select 1 from reorder_plan)

)

select * from never_ordered
union all
select * from empty_plan

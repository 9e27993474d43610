-- Finds days whose newest known units are not the sum of all their changes.
with changes as (

    select * from {{ ref('daily_sales_changes') }}

),

known_sales as (

    select * from {{ ref('sales_as_known') }}

),

totals as (

    select
        product_id,
        store_id,
        sold_on,
        sum(units_sold) as units
    from changes
    group by product_id, store_id, sold_on

),

newest as (

    select *
    from known_sales
    where known_until = date '9999-12-31'

),

differences as (

    select
        coalesce(totals.product_id, newest.product_id) as product_id,
        coalesce(totals.store_id, newest.store_id) as store_id,
        coalesce(totals.sold_on, newest.sold_on) as sold_on,
        totals.units as units_of_changes,
        newest.units as units_known
    from totals
    full outer join newest
        on
            totals.product_id = newest.product_id
            and totals.store_id = newest.store_id
            and totals.sold_on = newest.sold_on
    where
        totals.units is null
        or newest.units is null
        or totals.units != newest.units

)

select * from differences

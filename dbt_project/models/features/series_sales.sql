{{ config(materialized='view') }}

with series as (

    select * from {{ ref('series_to_build') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

series_ever_in_scope as (

    select distinct
        series_number,
        product_id,
        store_id
    from series
    where is_in_scope

),

numbered_sales as (

    select
        series_ever_in_scope.series_number,
        sales.sold_on,
        sales.known_from,
        sales.known_until,
        sales.units,
        sales.sold_revenue,
        sales.priced_units
    from sales
    inner join series_ever_in_scope
        on
            sales.product_id = series_ever_in_scope.product_id
            and sales.store_id = series_ever_in_scope.store_id
    where sales.units > 0

),

series_sales as (

    select
        ---------- ids
        series.series_number,
        series.store_id,

        ---------- numerics
        numbered_sales.units,
        numbered_sales.sold_revenue,
        numbered_sales.priced_units,

        ---------- dates
        series.cutoff_on,
        numbered_sales.sold_on
    from series
    inner join numbered_sales
        on
            series.series_number = numbered_sales.series_number
            and series.cutoff_on >= numbered_sales.sold_on
            and {{ feature_was_known('numbered_sales', 'series.cutoff_on') }}

)

select * from series_sales

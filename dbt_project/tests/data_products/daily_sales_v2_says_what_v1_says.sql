-- Finds rows of one version that the other tells otherwise, or not at all.
{{ config(tags=['data_product']) }}

with first_version as (

    select
        sold_on,
        product_id,
        store_id,
        units_sold - units_returned as units_net,
        units_returned,
        net_revenue,
        unit_price as unit_price_store_currency,
        is_promoted,
        last_known_on
    from {{ ref('daily_sales', v=1) }}

),

second_version as (

    select
        sold_on,
        product_id,
        store_id,
        units_net,
        units_returned,
        net_revenue,
        unit_price_store_currency,
        is_promoted,
        last_known_on
    from {{ ref('daily_sales', v=2) }}

),

only_in_one as (

    (select * from first_version except all select * from second_version)
    union all
    (select * from second_version except all select * from first_version)

)

select * from only_in_one

{{ config(materialized='external', options={'compression': 'zstd'}) }}

with

reorder_plan as (

    select * from {{ ref('reorder_plan') }}

),

reorder_proposals as (

    select
        -- ids
        product_id,
        store_id,
        forecast_version,

        -- numerics
        order_packs,
        order_units,
        pack_size,
        service_level,
        units_expected,
        units_to_cover,
        units_at_hand,

        -- dates
        order_on,
        arrives_on,
        covers_until_on,
        cutoff_on

    from reorder_plan
    order by product_id, store_id, order_on

)

select * from reorder_proposals

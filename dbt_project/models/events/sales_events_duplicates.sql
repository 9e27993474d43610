{{ config(materialized='view') }}

with decided as (

    select * from {{ ref('sales_events_decided') }}

),

left_out as (

    select
        decided.source,
        decided.file_id,
        decided.row_number,
        decided.known_on,
        decided.disposition,
        decided.superseded_on,
        decided.event_id,
        decided.store_id,
        decided.product_id,
        decided.customer_key,
        decided.quantity,
        decided.unit_price,
        decided.net_amount,
        decided.sold_at,
        decided.sold_on
    from decided
    where decided.disposition in ('duplicate', 'superseded')

)

select * from left_out

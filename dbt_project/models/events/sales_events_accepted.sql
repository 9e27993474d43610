{{ config(materialized='view') }}

with decided as (

    select * from {{ ref('sales_events_decided') }}

),

accepted as (

    select
        decided.event_id,
        decided.source,
        decided.store_id,
        decided.product_id,
        decided.customer_key,
        decided.currency,
        decided.quantity,
        decided.unit_price,
        decided.net_amount,
        decided.is_demand,
        decided.sold_at,
        decided.sold_on,
        decided.known_on,
        decided.file_id,
        decided.row_number
    from decided
    where decided.disposition = 'accepted'

)

select * from accepted

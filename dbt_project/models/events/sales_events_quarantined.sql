{{ config(materialized='view') }}

with failed as (

    select * from {{ ref('sales_events_failed') }}

),

decided as (

    select * from {{ ref('sales_events_decided') }}

),

conflicting as (

    select
        decided.file_id,
        decided.row_number,
        decided.known_on,
        decided.source,
        'conflicting_event' as reason_code,
        {{ original_values('decided', customer='customer_key', unparsed_line=false) }} as original
    from decided
    where decided.disposition = 'conflicting'

),

all_reasons as (

    select * from failed
    union all
    select * from conflicting

),

quarantined as (

    select
        all_reasons.source,
        all_reasons.file_id,
        all_reasons.row_number,
        all_reasons.known_on,
        all_reasons.reason_code,
        all_reasons.original
    from all_reasons

)

select * from quarantined

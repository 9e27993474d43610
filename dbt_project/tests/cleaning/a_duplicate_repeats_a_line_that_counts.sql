{#- Finds duplicates of which no other line of the event was ever accepted. -#}
{{ config(meta={'dagster': {'ref': {'name': 'sales_events_decided'}}}) }}

with decided as (

    select * from {{ ref('sales_events_decided') }}

),

originals as (

    select
        source,
        event_id
    from decided
    where disposition in ('accepted', 'superseded')

)

select
    decided.source,
    decided.event_id,
    decided.file_id,
    decided.row_number
from decided
anti join originals
    on
        decided.source = originals.source
        and decided.event_id = originals.event_id
where decided.disposition = 'duplicate'

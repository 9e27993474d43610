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
    source,
    event_id,
    file_id,
    row_number
from decided
where
    disposition = 'duplicate'
    and (source, event_id) not in (select source, event_id from originals)

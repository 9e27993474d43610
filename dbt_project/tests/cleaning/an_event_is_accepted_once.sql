{#- Finds events with more than one accepted line, among those that this build decided. -#}
{{ config(meta={'dagster': {'ref': {'name': 'sales_events_decided'}}}) }}

with touched_events as (

    select
        source,
        event_id
    from {{ ref('sales_events_touched') }}
    group by 1, 2
    having count(*) > 1

),

decided as (

    select * from {{ ref('sales_events_decided') }}

)

select
    source,
    event_id,
    count(*) as accepted_lines
from decided
where
    disposition = 'accepted'
    and (source, event_id) in (select source, event_id from touched_events)
group by 1, 2
having count(*) > 1

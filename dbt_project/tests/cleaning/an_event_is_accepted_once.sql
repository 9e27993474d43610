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
    decided.source,
    decided.event_id,
    count(*) as accepted_lines
from decided
semi join touched_events
    on
        decided.source = touched_events.source
        and decided.event_id = touched_events.event_id
where decided.disposition = 'accepted'
group by 1, 2
having count(*) > 1

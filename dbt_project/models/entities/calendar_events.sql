with rows_of_sources as (

    select * from {{ ref('calendar_typed') }}

),

calendar_events as (

    select
        source,
        store_id,
        day_on,
        event_name,
        min(known_on) as known_on
    from rows_of_sources
    where day_on is not null and event_name is not null
    group by source, store_id, day_on, event_name

)

select * from calendar_events

{#- Other days of the same event, up to a week away, that make a period of it. -#}
{% set days_of_a_period = 4 %}

with series as (

    select * from {{ ref('series_to_build') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

calendar_events as (

    select * from {{ ref('calendar_events') }}

),

calendar as (

    select * from {{ ref('dim_calendar') }}

),

stores as (

    select distinct
        series.source,
        series.store_id,
        rules.country
    from series
    inner join rules on series.source = rules.source
    where series.is_in_scope

),

store_events as (

    {{ of_each_store('stores', 'calendar_events', ['day_on', 'event_name', 'known_on']) }}

),

periods as (

    select
        one.store_id,
        one.day_on,
        one.event_name,
        one.known_on
    from store_events as one
    inner join store_events as other
        on
            one.store_id = other.store_id
            and one.event_name = other.event_name
            and one.known_on >= other.known_on
            and one.day_on <> other.day_on
    where other.day_on between one.day_on - 7 and one.day_on + 7
    group by one.store_id, one.day_on, one.event_name, one.known_on
    having count(distinct other.day_on) >= {{ days_of_a_period }}

),

found as (

    select
        store_events.store_id,
        store_events.day_on,
        store_events.known_on
    from store_events
    left join periods
        on
            store_events.store_id = periods.store_id
            and store_events.day_on = periods.day_on
            and store_events.event_name = periods.event_name
            and store_events.known_on = periods.known_on
    where periods.day_on is null
    union all
    select
        stores.store_id,
        calendar.day_on,
        date '0001-01-01' as known_on
    from stores
    inner join calendar on stores.country = calendar.country
    where calendar.is_holiday

),

special_days as (

    select
        store_id,
        day_on,
        min(known_on) as known_on
    from found
    group by store_id, day_on

)

select * from special_days

{#- A public holiday is felt a week away, most other events some days. -#}
{% set near_days = 7 %}
{% set near_days_of_others = 3 %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

stores as (

    select * from {{ ref('store_places') }}

),

sales as (

    select * from {{ ref('sales_as_known') }}

),

declared_events as (

    select * from {{ ref('calendar_events') }}

),

history as (

    -- empty when there is nothing to build
    select
        (select min(sales.sold_on) from sales) as first_day,
        max(cutoff_on + horizon_days) as last_day,
        (select min(sales.sold_on) from sales) - {{ near_days }} as first_event_day,
        max(cutoff_on + horizon_days) + {{ near_days }} as last_event_day
    from origins
    having count(*) > 0

),

countries as (

    select distinct
        source,
        country
    from stores

),

event_days as (

    {{ days_between('history', [], 'first_event_day', 'last_event_day', 'day_on') }}

),

holidays as (

    select
        countries.source,
        cast(null as varchar) as store_id,
        event_days.day_on,
        public_holiday(countries.country, event_days.day_on) as event_name,
        true as is_holiday,
        date '0001-01-01' as known_on
    from event_days
    cross join countries

),

events as (

    select
        source,
        store_id,
        day_on,
        event_name,
        false as is_holiday,
        known_on
    from declared_events
    union all
    select
        source,
        store_id,
        day_on,
        event_name,
        is_holiday,
        known_on
    from holidays
    where event_name is not null

),

knowledge as (

    -- of a target day what was known a horizon before, of a past day what was when it had settled
    select
        true as is_ahead,
        -{{ feature_horizon_days() }} as days_until_known
    union all
    select
        false as is_ahead,
        {{ feature_settling_days() }} as days_until_known

),

events_by_store as (

    {{ of_each_store('stores', 'events', ['day_on', 'event_name', 'is_holiday', 'known_on']) }}

),

store_events as (

    select
        knowledge.is_ahead,
        knowledge.days_until_known,
        events.store_id,
        events.day_on,
        events.event_name,
        events.is_holiday,
        events.known_on,
        count(*) over (
            partition by
                knowledge.is_ahead, events.store_id, events.event_name, events.is_holiday
            order by events.day_on
            range between interval 364 days preceding and interval 1 day preceding
        ) > 30 as is_frequent
    from events_by_store as events
    inner join knowledge
        on events.known_on <= events.day_on + knowledge.days_until_known

),

offsets as (

    select unnest(generate_series(-{{ near_days }}, {{ near_days }})) as event_offset

),

near_events as (

    select
        store_events.is_ahead,
        store_events.store_id,
        cast(store_events.day_on + cast(offsets.event_offset as integer) as date) as day_on,
        store_events.event_name,
        cast(offsets.event_offset as integer) as event_offset
    from store_events
    cross join offsets
    where
        not store_events.is_frequent
        and (store_events.is_holiday or abs(offsets.event_offset) <= {{ near_days_of_others }})
        and store_events.known_on
        <= store_events.day_on
        + cast(offsets.event_offset as integer)
        + store_events.days_until_known
    qualify
        row_number() over (
            partition by
                store_events.is_ahead,
                store_events.store_id,
                store_events.day_on + cast(offsets.event_offset as integer)
            order by
                abs(offsets.event_offset) asc,
                offsets.event_offset asc,
                store_events.is_holiday desc,
                store_events.event_name asc
        ) = 1

),

frequent_events as (

    select
        is_ahead,
        store_id,
        day_on,
        string_agg(distinct event_name, ', ' order by event_name) as event_names
    from store_events
    where is_frequent
    group by is_ahead, store_id, day_on

),

days as (

    {{ days_between('history', [], 'first_day', 'last_day', 'day_on') }}

),

store_days as (

    select
        knowledge.is_ahead,
        stores.store_id,
        stores.region,
        stores.source,
        days.day_on,
        near_events.event_name,
        near_events.event_offset,
        coalesce(frequent_events.event_names, '') as frequent_events
    from stores
    cross join days
    cross join knowledge
    left join near_events
        on
            knowledge.is_ahead = near_events.is_ahead
            and stores.store_id = near_events.store_id
            and days.day_on = near_events.day_on
    left join frequent_events
        on
            knowledge.is_ahead = frequent_events.is_ahead
            and stores.store_id = frequent_events.store_id
            and days.day_on = frequent_events.day_on

),

{% for place in ['region', 'source'] -%}
{{ place }}_days as (

    -- a {{ place }} is in the situation that most of its stores are in
    select
        is_ahead,
        {{ place }},
        day_on,
        event_name,
        event_offset,
        frequent_events
    from store_days
    group by is_ahead, {{ place }}, day_on, event_name, event_offset, frequent_events
    qualify
        row_number() over (
            partition by is_ahead, {{ place }}, day_on
            order by count(*) desc, event_name asc, event_offset asc, frequent_events asc
        ) = 1

),

{% endfor -%}

day_situations as (

    {% for place in ['store', 'region', 'source'] -%}
    select
        '{{ place }}' as place_kind,
        {{ 'store_id' if place == 'store' else place }} as place,
        event_name,
        cast(event_offset as tinyint) as event_offset,
        frequent_events,
        is_ahead,
        coalesce(abs(event_offset) <= 1, false) as is_near_event,
        day_on
    from {{ place }}_days
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from day_situations

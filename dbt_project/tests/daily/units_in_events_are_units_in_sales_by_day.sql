{#- Conservation: finds days of a store whose units in accepted lines of demand are not those in
    daily sales. -#}
{{ config(meta={'dagster': {'ref': {'name': 'sales_by_day'}}}) }}

with events as (

    select
        store_id,
        sold_on,
        sum(quantity) as units,
        count(*) as lines
    from {{ ref('sales_events_accepted') }}
    where is_demand
    group by 1, 2

),

daily as (

    select
        store_id,
        sold_on,
        sum(units_sold - units_returned) as units,
        sum(lines) as lines
    from {{ ref('sales_by_day') }}
    group by 1, 2

)

select
    coalesce(events.store_id, daily.store_id) as store_id,
    coalesce(events.sold_on, daily.sold_on) as sold_on,
    events.units as units_in_events,
    daily.units as units_in_daily_sales
from events
full outer join daily
    on
        events.store_id = daily.store_id
        and events.sold_on = daily.sold_on
where
    coalesce(events.units, 0) <> coalesce(daily.units, 0)
    or coalesce(events.lines, 0) <> coalesce(daily.lines, 0)

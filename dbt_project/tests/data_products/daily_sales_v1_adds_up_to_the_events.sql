-- Finds days and stores where the units of the events are not those of the daily sales.
{{ config(tags=['data_product']) }}

with events as (

    select
        store_id,
        sold_on,
        sum(quantity) as units
    from {{ ref('sales_events', v=1) }}
    where is_demand
    group by store_id, sold_on

),

daily as (

    select
        store_id,
        sold_on,
        sum(units_sold - units_returned) as units
    from {{ ref('daily_sales', v=1) }}
    group by store_id, sold_on

)

select
    coalesce(events.store_id, daily.store_id) as store_id,
    coalesce(events.sold_on, daily.sold_on) as sold_on,
    events.units as units_of_events,
    daily.units as units_of_daily_sales
from events
full join daily on events.store_id = daily.store_id and events.sold_on = daily.sold_on
where coalesce(events.units, 0) != coalesce(daily.units, 0)

{#- Finds days of a store that have sales and are not open now, or were not known to be open with
    their first line. -#}
{{ config(meta={'dagster': {'ref': {'name': 'open_days'}}}) }}

with sold_days as (

    select
        store_id,
        sold_on,
        min(first_known_on) as first_known_on
    from {{ ref('sales_by_day') }}
    group by 1, 2

),

open_days as (

    select
        store_id,
        day_on,
        min(known_on) as known_on,
        max(known_until) as known_until
    from {{ ref('open_days') }}
    group by 1, 2

)

select
    sold_days.*,
    open_days.known_on,
    open_days.known_until
from sold_days
left join open_days
    on
        sold_days.store_id = open_days.store_id
        and sold_days.sold_on = open_days.day_on
where
    open_days.day_on is null
    or open_days.known_until < date '9999-12-31'
    or open_days.known_on > sold_days.first_known_on

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched_days('sold_on') }}",
) }}

with touched_days as (

    select * from {{ ref('touched_days') }}

),

decided as (

    select lines.*
    from {{ ref('sales_events_decided') }} as lines
    {%- if is_incremental() %}
    where lines.sold_on in (select touched_days.day_on from touched_days)
    {%- endif %}

),

deployed as (

    select * from {{ ref('declared_sources') }}

),

store_days as (

    -- a day that only superseded lines speak of is no longer a day of the store
    select
        decided.source,
        decided.store_id,
        decided.sold_on,
        min(decided.known_on) as known_on,
        count(*) filter (where decided.disposition = 'accepted') as lines
    from decided
    inner join deployed on decided.source = deployed.source
    where decided.disposition in ('accepted', 'superseded')
    group by 1, 2, 3
    having count(*) filter (where decided.disposition = 'accepted') > 0

)

select * from store_days

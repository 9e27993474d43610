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

demand as (

    select decided.*
    from decided
    inner join deployed on decided.source = deployed.source
    where
        decided.is_demand
        and decided.disposition in ('accepted', 'superseded')

),

signed_lines as (

    -- a line counts from the day it was known until the day it was superseded
    select
        *,
        1 as sign,
        known_on as changed_on
    from demand
    union all
    select
        *,
        -1 as sign,
        superseded_on as changed_on
    from demand
    where superseded_on is not null

),

changes as (

    select
        product_id,
        store_id,
        source,
        sold_on,
        changed_on as known_on,
        cast(sum(sign * greatest(quantity, 0)) as decimal(18, 4)) as units_sold,
        cast(sum(sign * greatest(-quantity, 0)) as decimal(18, 4)) as units_returned,
        cast(sum(sign * net_amount) as decimal(18, 4)) as net_revenue,
        cast(
            sum(case when quantity > 0 then sign * net_amount end) as decimal(18, 4)
        ) as sold_revenue,
        cast(
            sum(case when net_amount is null then 0 else sign * greatest(quantity, 0) end)
            as decimal(18, 4)
        ) as priced_units,
        cast(sum(sign) as bigint) as lines,
        cast(sum(case when net_amount is null then 0 else sign end) as bigint) as priced_lines
    from signed_lines
    group by 1, 2, 3, 4, 5

)

select * from changes

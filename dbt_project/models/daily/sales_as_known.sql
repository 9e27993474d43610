{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched_days('sold_on') }}",
) }}

with touched_days as (

    select * from {{ ref('touched_days') }}

),

changes as (

    select changes.*
    from {{ ref('daily_sales_changes') }} as changes
    {%- if is_incremental() %}
    where changes.sold_on in (select touched_days.day_on from touched_days)
    {%- endif %}

),

changes_by_known_day as (

    select
        product_id,
        store_id,
        sold_on,
        known_on,
        min(source) as source,
        sum(units_sold) as units,
        sum(sold_revenue) as sold_revenue,
        sum(priced_units) as priced_units
    from changes
    group by product_id, store_id, sold_on, known_on

),

states as (

    select
        product_id,
        store_id,
        source,
        sold_on,
        known_on as known_from,
        lead(known_on) over later as next_known_on,
        sum(units) over up_to_now as units,
        sum(sold_revenue) over up_to_now as sold_revenue,
        sum(priced_units) over up_to_now as priced_units
    from changes_by_known_day
    window
        later as (partition by product_id, store_id, sold_on order by known_on),
        up_to_now as (
            partition by product_id, store_id, sold_on
            order by known_on
            rows between unbounded preceding and current row
        )

),

sales_as_known as (

    select
        ---------- ids
        product_id,
        store_id,
        source,

        ---------- numerics
        cast(units as decimal(18, 4)) as units,
        cast(case when priced_units > 0 then sold_revenue end as decimal(18, 4)) as sold_revenue,
        cast(priced_units as decimal(18, 4)) as priced_units,

        ---------- dates
        sold_on,
        known_from,
        coalesce(next_known_on, date '9999-12-31') as known_until
    from states

)

select * from sales_as_known

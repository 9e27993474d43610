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

promotions as (

    select distinct
        product_id,
        store_id,
        starts_on,
        ends_on
    from {{ ref('promotions') }}

),

computed_days as (

    select
        min(sold_on) as first_day,
        max(sold_on) as last_day
    from changes

),

promoted_spans as (

    select
        promotions.product_id,
        promotions.store_id,
        greatest(promotions.starts_on, computed_days.first_day) as first_day,
        least(promotions.ends_on, computed_days.last_day) as last_day
    from promotions
    inner join computed_days
        on
            promotions.starts_on <= computed_days.last_day
            and promotions.ends_on >= computed_days.first_day

),

each_promoted_day as (

    {{ days_between(
        'promoted_spans', ['product_id', 'store_id'], 'first_day', 'last_day', 'day_on'
    ) }}

),

promoted_days as (

    select distinct
        product_id,
        store_id,
        day_on
    from each_promoted_day

),

totals as (

    select
        product_id,
        store_id,
        sold_on,
        min(known_on) as first_known_on,
        max(known_on) as last_known_on,
        cast(sum(units_sold) as decimal(18, 4)) as units_sold,
        cast(sum(units_returned) as decimal(18, 4)) as units_returned,
        cast(
            case when sum(priced_lines) > 0 then sum(net_revenue) end as decimal(18, 4)
        ) as net_revenue,
        cast(sum(sold_revenue) as decimal(18, 4)) as sold_revenue,
        cast(sum(priced_units) as decimal(18, 4)) as priced_units,
        cast(sum(lines) as bigint) as lines
    from changes
    group by 1, 2, 3
    having sum(lines) > 0

),

sales_by_day as (

    select
        ---------- keys
        totals.product_id,
        totals.store_id,
        totals.sold_on,

        ---------- numerics
        totals.units_sold,
        totals.units_returned,
        totals.net_revenue,
        cast(
            round(totals.sold_revenue / nullif(totals.priced_units, 0), 4) as decimal(18, 4)
        ) as unit_price,
        totals.lines,

        ---------- booleans
        (
            by_store.product_id is not null or everywhere.product_id is not null
        ) as is_promoted,

        ---------- dates
        totals.first_known_on,
        totals.last_known_on
    from totals
    left join promoted_days as by_store
        on
            totals.product_id = by_store.product_id
            and totals.store_id = by_store.store_id
            and totals.sold_on = by_store.day_on
    left join promoted_days as everywhere
        on
            totals.product_id = everywhere.product_id
            and everywhere.store_id is null
            and totals.sold_on = everywhere.day_on

)

select * from sales_by_day

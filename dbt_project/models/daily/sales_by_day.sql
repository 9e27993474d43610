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

    select * from {{ ref('promotions') }}

),

promoted_sales as (

    -- a promotion of one source says nothing of what another one sells
    select
        changes.source,
        changes.product_id,
        changes.store_id,
        changes.sold_on
    from changes
    inner join promotions
        on
            changes.source = promotions.source
            and changes.product_id = promotions.product_id
            and changes.store_id = promotions.store_id
            and changes.sold_on between promotions.starts_on and promotions.ends_on
    union
    -- one without a store is everywhere
    select
        changes.source,
        changes.product_id,
        changes.store_id,
        changes.sold_on
    from changes
    inner join promotions
        on
            changes.source = promotions.source
            and changes.product_id = promotions.product_id
            and changes.sold_on between promotions.starts_on and promotions.ends_on
    where promotions.store_id is null

),

flagged_changes as (

    select
        changes.*,
        promoted_sales.source is not null as is_promoted
    from changes
    left join promoted_sales
        on
            changes.source = promoted_sales.source
            and changes.product_id = promoted_sales.product_id
            and changes.store_id = promoted_sales.store_id
            and changes.sold_on = promoted_sales.sold_on

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
        cast(sum(lines) as bigint) as lines,
        sum(case when is_promoted then lines else 0 end) > 0 as is_promoted
    from flagged_changes
    group by 1, 2, 3
    having sum(lines) > 0

),

sales_by_day as (

    select
        ---------- keys
        product_id,
        store_id,
        sold_on,

        ---------- numerics
        units_sold,
        units_returned,
        net_revenue,
        cast(
            round(sold_revenue / nullif(priced_units, 0), 4) as decimal(18, 4)
        ) as unit_price,
        lines,

        ---------- booleans
        is_promoted,

        ---------- dates
        first_known_on,
        last_known_on
    from totals

)

select * from sales_by_day

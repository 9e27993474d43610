with sales as (

    select * from {{ ref('sales_as_known') }}

),

declared_sources as (

    select * from {{ ref('declared_sources') }}

),

grid as (

    select {{ feature_grid_epoch('min(origin_weekday)') }} as starts_on
    from declared_sources

),

sold_days as (

    select
        sales.*,
        {{ feature_week('sales.sold_on', 'grid.starts_on') }} as week_number,
        grid.starts_on + 7 * {{ feature_week('sales.sold_on', 'grid.starts_on') }} as week_ends_on
    from sales
    cross join grid
    where sales.units > 0

),

sold_day_changes as (

    -- a correction can take a sold day away again
    select
        product_id,
        store_id,
        source,
        week_number,
        week_ends_on,
        known_from as changed_on,
        1 as sold_days
    from sold_days

    union all

    select
        product_id,
        store_id,
        source,
        week_number,
        week_ends_on,
        known_until as changed_on,
        -1 as sold_days
    from sold_days
    where known_until < date '9999-12-31'

),

sold_days_by_week as (

    select
        product_id,
        store_id,
        min(source) as source,
        week_number,
        week_ends_on,
        changed_on,
        sum(sum(sold_days)) over (
            partition by product_id, store_id, week_number
            order by changed_on
        ) as sold_days
    from sold_day_changes
    group by product_id, store_id, week_number, week_ends_on, changed_on

),

sold_week_changes as (

    -- a week counts from its last day on, or from when its first sold day gets known
    select
        product_id,
        store_id,
        source,
        greatest(changed_on, week_ends_on) as changed_on,
        cast(sold_days > 0 as integer) - coalesce(
            lag(cast(sold_days > 0 as integer)) over (
                partition by product_id, store_id, week_number
                order by changed_on
            ),
            0
        ) as sold_weeks
    from sold_days_by_week

),

states as (

    -- a series that several sources sell is one series, of the first of them by name
    select
        product_id,
        store_id,
        min(min(source)) over (
            partition by product_id, store_id
            order by changed_on
        ) as source,
        changed_on as known_from,
        lead(changed_on) over (
            partition by product_id, store_id
            order by changed_on
        ) as next_changed_on,
        sum(sum(sold_weeks)) over (
            partition by product_id, store_id
            order by changed_on
        ) as sold_weeks
    from sold_week_changes
    where sold_weeks != 0
    group by product_id, store_id, changed_on

),

sold_weeks_as_known as (

    select
        ---------- ids
        product_id,
        store_id,
        source,

        ---------- numerics
        cast(sold_weeks as integer) as sold_weeks,

        ---------- dates
        known_from,
        coalesce(next_changed_on, date '9999-12-31') as known_until
    from states

)

select * from sold_weeks_as_known

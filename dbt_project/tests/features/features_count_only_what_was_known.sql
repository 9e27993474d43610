-- Finds series whose units of the last 28 days, as the features just built have them, are not those
-- that the changes known at the cutoff add up to. It takes the long way round, without states of
-- knowledge.
with changes as (

    select * from {{ ref('daily_sales_changes') }}

),

series_windows as (

    select * from {{ ref('series_windows') }}

),

known_changes as (

    select
        series_windows.cutoff_on,
        series_windows.product_id,
        series_windows.store_id,
        sum(changes.units_sold) as units
    from series_windows
    inner join changes
        on
            series_windows.product_id = changes.product_id
            and series_windows.store_id = changes.store_id
            and changes.sold_on between series_windows.cutoff_on - 27 and series_windows.cutoff_on
            and series_windows.cutoff_on >= changes.known_on
    group by series_windows.cutoff_on, series_windows.product_id, series_windows.store_id

),

differences as (

    select
        series_windows.cutoff_on,
        series_windows.product_id,
        series_windows.store_id,
        series_windows.units_28,
        known_changes.units
    from series_windows
    left join known_changes
        on
            series_windows.cutoff_on = known_changes.cutoff_on
            and series_windows.product_id = known_changes.product_id
            and series_windows.store_id = known_changes.store_id
    where series_windows.units_28 != coalesce(known_changes.units, 0)

)

select * from differences

-- Finds series of the frame whose target days are not the whole horizon, each once, or not all in
-- the calendar. The latest cutoff and those of backtests stand for all.
with frame as (

    select * from {{ ref('forecast_frame') }}

),

origins as (

    select * from {{ ref('forecast_origins') }}

),

series as (

    select * from {{ ref('forecast_series') }}

),

target_days as (

    select
        cutoff_on,
        product_id,
        store_id,
        count(*) as row_count,
        count(f_weekday) as calendar_count,
        count(distinct target_on) as day_count,
        min(target_on) as first_target_on,
        max(target_on) as last_target_on
    from frame
    where cutoff_on in ({{ feature_cutoffs_checked() }})
    group by cutoff_on, product_id, store_id

),

incomplete as (

    select
        series.cutoff_on,
        series.product_id,
        series.store_id,
        target_days.row_count,
        target_days.day_count,
        target_days.calendar_count
    from series
    inner join origins on series.cutoff_on = origins.cutoff_on
    left join target_days
        on
            series.cutoff_on = target_days.cutoff_on
            and series.product_id = target_days.product_id
            and series.store_id = target_days.store_id
    where
        series.is_in_scope
        and (origins.is_latest or origins.is_backtest_grid)
        and (
            target_days.row_count is null
            or target_days.row_count != origins.horizon_days
            or target_days.day_count != origins.horizon_days
            or target_days.calendar_count != origins.horizon_days
            or target_days.first_target_on != origins.cutoff_on + 1
            or target_days.last_target_on != origins.cutoff_on + origins.horizon_days
        )

)

select * from incomplete

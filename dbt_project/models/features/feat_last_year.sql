{{ by_origin() }}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

series as (

    select * from {{ ref('series_to_build') }}

),

lifetimes as (

    select * from {{ ref('series_lifetimes') }}

),

known_sales as (

    select * from {{ ref('series_sales') }}

),

open_days as (

    select * from {{ ref('feat_open_days') }}

),

spans as (

    select
        cutoff_on,
        cutoff_on + 1 as first_day,
        cutoff_on + horizon_days as last_day
    from origins

),

targets as (

    {{ days_between('spans', ['cutoff_on'], 'first_day', 'last_day', 'target_on') }}

),

-- The week around the same weekday a year ago, and the four weeks up to a year before the cutoff:
-- how the two compare says what the season did then.
periods as (

    select
        cutoff_on,
        target_on,
        target_on - 367 as first_day,
        target_on - 361 as last_day
    from targets

    union all

    select
        cutoff_on,
        cast(null as date) as target_on,
        cutoff_on - 391 as first_day,
        cutoff_on - 364 as last_day
    from origins

),

series_periods as (

    -- open days from the first day on, less those from the day after the period on
    select
        lifetimes.cutoff_on,
        lifetimes.series_number,
        periods.target_on,
        periods.first_day,
        periods.last_day,
        from_first.open_days - after_last.open_days as open_days
    from lifetimes
    inner join periods
        on
            lifetimes.cutoff_on = periods.cutoff_on
            and lifetimes.first_sold_on <= periods.first_day
    inner join open_days as from_first
        on
            lifetimes.cutoff_on = from_first.cutoff_on
            and lifetimes.store_id = from_first.store_id
            and periods.first_day = from_first.day_on
    inner join open_days as after_last
        on
            lifetimes.cutoff_on = after_last.cutoff_on
            and lifetimes.store_id = after_last.store_id
            and periods.last_day + 1 = after_last.day_on

),

sales_last_year as (

    select
        known_sales.cutoff_on,
        known_sales.series_number,
        known_sales.sold_on,
        known_sales.units
    from known_sales
    inner join open_days
        on
            known_sales.cutoff_on = open_days.cutoff_on
            and known_sales.store_id = open_days.store_id
            and known_sales.sold_on = open_days.day_on
    where
        open_days.is_open
        and known_sales.sold_on < known_sales.cutoff_on - {{ 360 - feature_horizon_days() }}

),

sums as (

    select
        series_periods.cutoff_on,
        series_periods.series_number,
        series_periods.target_on,
        series_periods.open_days,
        coalesce(sum(sales_last_year.units), 0) as units
    from series_periods
    left join sales_last_year
        on
            series_periods.cutoff_on = sales_last_year.cutoff_on
            and series_periods.series_number = sales_last_year.series_number
            and sales_last_year.sold_on
            between series_periods.first_day and series_periods.last_day
    group by
        series_periods.cutoff_on,
        series_periods.series_number,
        series_periods.target_on,
        series_periods.open_days

),

series_sums as (

    select
        sums.*,
        series.product_id,
        series.store_id
    from sums
    inner join series
        on
            sums.cutoff_on = series.cutoff_on
            and sums.series_number = series.series_number

),

product_means as (

    select
        cutoff_on,
        product_id,
        target_on,
        {{ feature_ratio('sum(units)', 'sum(open_days)') }} as units_mean
    from series_sums
    group by cutoff_on, product_id, target_on

),

feat_last_year as (

    select
        ---------- ids
        series_sums.series_number,
        series_sums.product_id,
        series_sums.store_id,

        ---------- features
        cast({{ feature_ratio('series_sums.units', 'series_sums.open_days') }} as float)
            as f_last_year_mean,
        cast(around_target.units_mean / nullif(before_cutoff.units_mean, 0) as float)
            as f_last_year_product_change,

        ---------- dates
        series_sums.cutoff_on,
        series_sums.target_on
    from series_sums
    inner join product_means as around_target
        on
            series_sums.cutoff_on = around_target.cutoff_on
            and series_sums.product_id = around_target.product_id
            and series_sums.target_on = around_target.target_on
    left join product_means as before_cutoff
        on
            series_sums.cutoff_on = before_cutoff.cutoff_on
            and series_sums.product_id = before_cutoff.product_id
            and before_cutoff.target_on is null

)

select * from feat_last_year

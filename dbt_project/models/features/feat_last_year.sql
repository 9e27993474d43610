{{ by_origin() }}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

series_editions as (

    select * from {{ ref('series_editions') }}

),

series_days as (

    select * from {{ ref('series_days') }}

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

series_sums as (

    -- what there was up to the last day of the period, less what there was before it
    select
        series_editions.cutoff_on,
        series_editions.series_number,
        series_editions.product_id,
        series_editions.store_id,
        periods.target_on,
        last_days.open_days - coalesce(before_first.open_days, 0) as open_days,
        last_days.units - coalesce(before_first.units, 0) as units
    from series_editions
    inner join periods on series_editions.cutoff_on = periods.cutoff_on
    inner join series_days as last_days
        on
            series_editions.edition_number = last_days.edition_number
            and periods.last_day = last_days.day_on
            and periods.first_day >= last_days.first_sold_on
    left join series_days as before_first
        on
            series_editions.edition_number = before_first.edition_number
            and periods.first_day - 1 = before_first.day_on

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

{{ by_origin() }}

{% set weeks = [4, 8, 20] %}

with series as (

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

starts as (

    -- most series of a store start on one of a few days
    select distinct
        cutoff_on,
        store_id,
        first_sold_on
    from lifetimes

),

dense_weekdays as (

    -- as in series_lifetimes: the first of a weekday in a window tells how many there are in it
    select
        starts.cutoff_on,
        starts.store_id,
        starts.first_sold_on,
        {%- for week in weeks %}
        max(
            case
                when
                    open_days.day_on >= starts.first_sold_on
                    and open_days.day_on > starts.cutoff_on - {{ 7 * week }}
                    then open_days.open_weekdays
                else 0
            end
        ) as open_days_{{ week }},
        {%- endfor %}
        open_days.weekday
    from starts
    inner join open_days
        on
            starts.cutoff_on = open_days.cutoff_on
            and starts.store_id = open_days.store_id
    where open_days.day_on > starts.cutoff_on - {{ 7 * weeks | last }}
    group by starts.cutoff_on, starts.store_id, starts.first_sold_on, open_days.weekday

),

sums as (

    select
        known_sales.cutoff_on,
        known_sales.series_number,
        {%- for week in weeks %}
        sum(
            case
                when known_sales.sold_on > known_sales.cutoff_on - {{ 7 * week }}
                    then known_sales.units
            end
        ) as units_{{ week }},
        {%- endfor %}
        sum(case when open_days.open_weekdays = 1 then known_sales.units end) as last_units,
        open_days.weekday
    from known_sales
    inner join open_days
        on
            known_sales.cutoff_on = open_days.cutoff_on
            and known_sales.store_id = open_days.store_id
            and known_sales.sold_on = open_days.day_on
    where
        open_days.is_open
        and (
            open_days.open_weekdays = 1
            or known_sales.cutoff_on < known_sales.sold_on + {{ 7 * weeks | last }}
        )
    group by known_sales.cutoff_on, known_sales.series_number, open_days.weekday

),

feat_weekday as (

    select
        ---------- ids
        series.series_number,
        series.product_id,
        series.store_id,

        ---------- numerics
        dense_weekdays.weekday,
        dense_weekdays.open_days_20,
        coalesce(sums.units_20, 0) as units_20,
        cast(coalesce(sums.last_units, 0) as double) as baseline_units,

        ---------- features
        {%- for week in weeks %}
        cast({{ feature_ratio(
            'coalesce(sums.units_' ~ week ~ ', 0)', 'dense_weekdays.open_days_' ~ week
        ) }} as float) as f_weekday_mean_{{ week }},
        {%- endfor %}

        ---------- dates
        series.cutoff_on
    from lifetimes
    inner join series
        on
            lifetimes.cutoff_on = series.cutoff_on
            and lifetimes.series_number = series.series_number
    inner join dense_weekdays
        on
            lifetimes.cutoff_on = dense_weekdays.cutoff_on
            and lifetimes.store_id = dense_weekdays.store_id
            and lifetimes.first_sold_on = dense_weekdays.first_sold_on
    left join sums
        on
            lifetimes.cutoff_on = sums.cutoff_on
            and lifetimes.series_number = sums.series_number
            and dense_weekdays.weekday = sums.weekday

)

select * from feat_weekday

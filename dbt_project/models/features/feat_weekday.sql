{% set weeks = [4, 8, 20] %}

with series as (

    select * from {{ ref('forecast_series') }}

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

dense_weekdays as (

    -- as in series_lifetimes: the first of a weekday in a window tells how many there are in it
    select
        lifetimes.cutoff_on,
        lifetimes.series_number,
        open_days.weekday,
        {%- for week in weeks %}
        max(
            case
                when open_days.day_on > lifetimes.cutoff_on - {{ 7 * week }}
                    then open_days.open_weekdays
                else 0
            end
        ) as open_days_{{ week }}{{ ',' if not loop.last }}
        {%- endfor %}
    from lifetimes
    inner join open_days
        on
            lifetimes.cutoff_on = open_days.cutoff_on
            and lifetimes.store_id = open_days.store_id
            and (
                {%- for week in weeks %}
                {{ 'or ' if not loop.first -}}
                {{ feature_days_between(
                    'greatest(lifetimes.first_sold_on, lifetimes.cutoff_on - '
                    ~ (7 * week - 1) ~ ')', 'open_days.day_on'
                ) }} between 0 and 6
                {%- endfor %}
            )
    group by lifetimes.cutoff_on, lifetimes.series_number, open_days.weekday

),

sums as (

    select
        known_sales.cutoff_on,
        known_sales.series_number,
        open_days.weekday,
        sum(case when open_days.open_weekdays = 1 then known_sales.units end) as last_units,
        {%- for week in weeks %}
        sum(
            case
                when open_days.day_on > known_sales.cutoff_on - {{ 7 * week }}
                    then known_sales.units
            end
        ) as units_{{ week }}{{ ',' if not loop.last }}
        {%- endfor %}
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
            or known_sales.cutoff_on < open_days.day_on + {{ 7 * weeks | last }}
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
        coalesce(sums.last_units, 0) as last_units,

        ---------- features
        {%- for week in weeks %}
        cast({{ feature_ratio(
            'coalesce(sums.units_' ~ week ~ ', 0)', 'dense_weekdays.open_days_' ~ week
        ) }} as float) as f_weekday_mean_{{ week }},
        {%- endfor %}

        ---------- dates
        series.cutoff_on
    from dense_weekdays
    inner join series
        on
            dense_weekdays.cutoff_on = series.cutoff_on
            and dense_weekdays.series_number = series.series_number
    left join sums
        on
            dense_weekdays.cutoff_on = sums.cutoff_on
            and dense_weekdays.series_number = sums.series_number
            and dense_weekdays.weekday = sums.weekday

)

select * from feat_weekday

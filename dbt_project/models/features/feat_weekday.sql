{{ by_origin() }}

{% set weeks = [4, 8, 20] %}

with series_editions as (

    select * from {{ ref('series_editions') }}

),

series_days as (

    select * from {{ ref('series_days') }}

),

days_of_a_week as (

    select cast(unnest(generate_series(0, 6)) as integer) as days_before

),

weekdays as (

    -- the last day of each weekday
    select
        series_editions.*,
        series_editions.cutoff_on - days_of_a_week.days_before as last_day
    from series_editions
    cross join days_of_a_week

),

feat_weekday as (

    select
        ---------- ids
        weekdays.series_number,
        weekdays.product_id,
        weekdays.store_id,

        ---------- numerics
        {{ feature_weekday('weekdays.last_day') }} as weekday,
        coalesce(last_days.weekday_open_days, 0) - coalesce(before_20.weekday_open_days, 0)
            as open_days_20,
        coalesce(last_days.weekday_units, 0) - coalesce(before_20.weekday_units, 0) as units_20,
        cast(coalesce(last_days.weekday_last_units, 0) as double) as baseline_units,

        ---------- features
        {%- for week in weeks %}
        cast(coalesce(
            {%- for longer in weeks if longer >= week %}
            {{ feature_ratio(
                'last_days.weekday_units - coalesce(before_' ~ longer ~ '.weekday_units, 0)',
                'last_days.weekday_open_days - coalesce(before_' ~ longer ~ '.weekday_open_days, 0)'
            ) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as float) as f_weekday_mean_{{ week }},
        {%- endfor %}

        ---------- dates
        weekdays.cutoff_on
    from weekdays
    left join series_days as last_days
        on
            weekdays.edition_number = last_days.edition_number
            and weekdays.last_day = last_days.day_on
    {%- for week in weeks %}
    left join series_days as before_{{ week }}
        on
            weekdays.edition_number = before_{{ week }}.edition_number
            and weekdays.last_day - {{ 7 * week }} = before_{{ week }}.day_on
    {%- endfor %}

)

select * from feat_weekday

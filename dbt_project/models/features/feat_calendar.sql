with origins as (

    select * from {{ ref('forecast_origins') }}

),

calendar as (

    select * from {{ ref('dim_calendar') }}

),

spans as (

    select
        min(cutoff_on) + 1 as first_day,
        max(cutoff_on + horizon_days) as last_day
    from origins

),

target_days as (

    {{ days_between('spans', [], 'first_day', 'last_day', 'target_on') }}

),

feat_calendar as (

    select
        ---------- ids
        calendar.country,

        ---------- features
        cast({{ feature_weekday('target_days.target_on') }} as tinyint) as f_weekday,
        cast(extract(day from target_days.target_on) as tinyint) as f_day_of_month,
        cast(extract(month from target_days.target_on) as tinyint) as f_month,
        cast(extract(week from target_days.target_on) as tinyint) as f_week_of_year,
        cast(calendar.is_holiday as tinyint) as f_is_holiday,
        cast(calendar.days_to_holiday as tinyint) as f_days_to_holiday,
        cast(calendar.days_since_holiday as tinyint) as f_days_since_holiday,

        ---------- dates
        target_days.target_on
    from target_days
    inner join calendar on target_days.target_on = calendar.day_on

)

select * from feat_calendar

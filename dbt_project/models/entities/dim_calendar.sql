with changes as (

    select * from {{ ref('daily_sales_changes') }}

),

rules as (

    select * from {{ ref('declared_sources') }}

),

history as (

    -- the last cutoff is the last day that anything was known of, whichever source told it
    select
        min(sold_on) as first_day,
        max(known_on) as last_cutoff_on
    from changes

),

horizon as (

    select max(horizon_days) as horizon_days
    from rules

),

spans as (

    -- a month more than is published at either end, to find the holidays nearest to its edges
    select distinct
        rules.country,
        history.first_day,
        {{ add_days('history.last_cutoff_on', 'horizon.horizon_days') }} as last_day,
        {{ add_days('history.first_day', '-31') }} as first_searched_day,
        {{ add_days('history.last_cutoff_on', 'horizon.horizon_days + 31') }}
            as last_searched_day
    from rules
    cross join history
    cross join horizon

),

days as (

    {{ days_between(
        'spans', ['country', 'first_day', 'last_day'],
        'first_searched_day', 'last_searched_day', 'day_on'
    ) }}

),

with_holidays as (

    select
        *,
        public_holiday(country, day_on) as holiday_name
    from days

),

with_neighbours as (

    select
        *,
        min(case when holiday_name is not null then day_on end) over (
            partition by country
            order by day_on
            rows between current row and unbounded following
        ) as next_holiday_on,
        max(case when holiday_name is not null then day_on end) over (
            partition by country
            order by day_on
            rows between unbounded preceding and current row
        ) as last_holiday_on
    from with_holidays

),

calendar as (

    select
        ---------- keys
        country,
        day_on,

        ---------- text
        holiday_name,

        ---------- numerics
        cast(extract(isodow from day_on) as integer) as weekday,
        cast(extract(week from day_on) as integer) as week_of_year,
        cast(extract(day from day_on) as integer) as day_of_month,
        cast(extract(month from day_on) as integer) as month_of_year,
        cast(extract(quarter from day_on) as integer) as quarter_of_year,
        cast(extract(year from day_on) as integer) as year_number,
        cast(extract(doy from day_on) as integer) as day_of_year,
        cast(least(coalesce(next_holiday_on - day_on, 30), 30) as integer) as days_to_holiday,
        cast(least(coalesce(day_on - last_holiday_on, 30), 30) as integer) as days_since_holiday,

        ---------- booleans
        holiday_name is not null as is_holiday,
        extract(isodow from day_on) >= 6 as is_weekend
    from with_neighbours
    where day_on between first_day and last_day

)

select * from calendar

with measurements as (

    select * from {{ source('state', 'slo_measurements') }}

),

-- the day that was judged last, not the highest: a wrong today, once passed in, must not stay
last_measured as (

    select
        max(measured_at) as measured_at,
        max_by(measured_on, measured_at) as measured_on
    from measurements

),

-- a promise that the contracts no longer make is in no newer measurement
newest as (

    select measurements.*
    from measurements
    inner join last_measured on measurements.measured_at = last_measured.measured_at

),

-- a day on which a level was missed once is a missed day
days as (

    select
        measurements.product,
        measurements.slo,
        measurements.element,
        measurements.measured_on,
        bool_and(measurements.met) as met
    from measurements
    cross join last_measured
    where
        measurements.met is not null
        and measurements.measured_on <= last_measured.measured_on
        and {{ add_days('measurements.measured_on', 'measurements.window_days') }}
        > last_measured.measured_on
    group by 1, 2, 3, 4

),

attained as (

    select
        product,
        slo,
        element,
        count(*) as days_measured,
        count(case when not met then 1 end) as days_missed
    from days
    group by 1, 2, 3

),

slo_status as (

    select
        ---------- text
        newest.product,
        newest.slo,
        newest.element,
        newest.severity,
        newest.unit,
        newest.reason,

        ---------- numerics
        cast(newest.target as decimal(18, 4)) as target,
        cast(newest.measured as decimal(18, 4)) as measured,
        newest.window_days,
        cast(coalesce(attained.days_measured, 0) as integer) as days_measured,
        cast(coalesce(attained.days_missed, 0) as integer) as days_missed,
        cast(
            1.0 - cast(attained.days_missed as double) / attained.days_measured
            as decimal(9, 4)
        ) as attainment,
        cast(newest.error_budget as decimal(9, 4)) as error_budget,
        cast(
            1.0
            - coalesce(attained.days_missed, 0)
            / nullif(newest.error_budget * newest.window_days, 0)
            as decimal(9, 4)
        ) as error_budget_left,
        newest.publication,

        ---------- booleans
        newest.met,

        ---------- timestamps
        newest.measured_on,
        newest.measured_at
    from newest
    left join attained
        on
            newest.product = attained.product
            and newest.slo = attained.slo
            and newest.element = attained.element

)

select * from slo_status
